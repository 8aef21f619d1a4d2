using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Extensions.AI.Hosting;

/// <summary>A guard with a policy and a threshold of its application's for requests that bring none. Owns the guard inside.</summary>
internal sealed class ConfiguredGuard(IGuard inner, Policy? policy, double? threshold) : IGuard
{
    /// <inheritdoc/>
    public GuardCapabilities Capabilities { get; } = threshold is { } value ? inner.Capabilities with { Threshold = value } : inner.Capabilities;

    /// <summary>Loads the model.</summary>
    /// <exception cref="CheckpointException">The folder holds no model that can be run.</exception>
    public static ConfiguredGuard Load(GuardServiceOptions options)
    {
        var policy = options.DefaultPolicy;
        IGuard guard = options.VisionFolder is { } vision
            ? GuardSet.Load(options.ModelFolder!, vision, options.ToGuardOptions())
            : GuardClassifier.Load(options.ModelFolder, options.ToGuardOptions());
        return new ConfiguredGuard(guard, policy, options.Threshold);
    }

    /// <inheritdoc/>
    public Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        var request = options ?? new ClassifyOptions();
        return inner.ClassifyAsync(conversation, request with { Policy = request.Policy ?? policy, Threshold = request.Threshold ?? threshold }, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

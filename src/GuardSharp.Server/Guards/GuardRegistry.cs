using GuardSharp.Server.Hosting;

namespace GuardSharp.Server.Guards;

/// <summary>The models that are loaded, by their names in configuration, and by the names that clients know them under.</summary>
/// <remarks>Safe from any thread; owns its guards.</remarks>
internal sealed class GuardRegistry : IAsyncDisposable
{
    /// <summary>Names that clients of other services send: they mean the default model.</summary>
    public static readonly IReadOnlyList<string> GenericNames =
        ["omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable", "Llama-Guard", "mistral-moderation-latest"];

    private volatile Loaded? _loaded;

    /// <summary>A registry whose guards are still being loaded: until <see cref="Open"/> every question is answered with 503.</summary>
    public GuardRegistry()
    {
    }

    /// <param name="guards">At least one; the first is the default. Owned from now on.</param>
    /// <param name="acceptAnyModel">Whether unknown names mean the default model too.</param>
    public GuardRegistry(IReadOnlyList<NamedGuard> guards, bool acceptAnyModel = false) => Open(guards, acceptAnyModel);

    /// <summary>Takes the guards over, once.</summary>
    /// <param name="guards">At least one; the first is the default. Owned from now on.</param>
    /// <param name="acceptAnyModel">Whether unknown names mean the default model too.</param>
    public void Open(IReadOnlyList<NamedGuard> guards, bool acceptAnyModel)
    {
        ArgumentOutOfRangeException.ThrowIfZero(guards.Count);
        var names = new Dictionary<string, NamedGuard>(StringComparer.Ordinal);
        foreach (var guard in guards)
        {
            if (!names.TryAdd(guard.Name, guard))
            {
                throw new GuardException($"Two models are called \"{guard.Name}\". Give each a name of its own.");
            }
        }

        _loaded = new Loaded(guards, names, acceptAnyModel);
    }

    /// <summary>All guards, the default first.</summary>
    public IReadOnlyList<NamedGuard> All => Guards.All;

    /// <summary>The guard for requests that name none.</summary>
    public NamedGuard Default => All[0];

    /// <summary>The guard a client means: a name in configuration, the checkpoint's own name with or without its hash, or a generic one.</summary>
    /// <returns>The guard; null: no such model is loaded.</returns>
    public NamedGuard? Find(string? name)
    {
        if (name is null || GenericNames.Contains(name, StringComparer.Ordinal))
        {
            return Default;
        }

        var guards = Guards;
        return guards.Names.GetValueOrDefault(name) ?? guards.All.FirstOrDefault(guard => guard.IsCalled(name)) ?? (guards.AcceptAnyModel ? guards.All[0] : null);
    }

    /// <summary>Disposes all guards.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var guard in _loaded?.All ?? [])
        {
            await guard.Guard.DisposeAsync().ConfigureAwait(false);
        }
    }

    private Loaded Guards => _loaded ?? throw Readiness.Loading();

    private sealed record Loaded(IReadOnlyList<NamedGuard> All, Dictionary<string, NamedGuard> Names, bool AcceptAnyModel);
}

/// <summary>A guard and what configuration says about it.</summary>
/// <param name="Name">Its name in configuration.</param>
/// <param name="Guard">The guard.</param>
internal sealed record NamedGuard(string Name, IGuard Guard)
{
    /// <summary>P(unsafe) from which on verdicts are unsafe where the request does not say; null: the model's own.</summary>
    public double? Threshold { get; init; }

    /// <summary>The policy, by its name in configuration, of requests that name none; null: the model's default.</summary>
    public string? Policy { get; init; }

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset Loaded { get; init; }

    /// <summary>The model's name, an at sign and the hash of its weights: what answers call it.</summary>
    public string RealName => Guard.Capabilities.Model;

    /// <summary>Whether a client that sends this name means the checkpoint behind this guard.</summary>
    public bool IsCalled(string name)
    {
        var real = RealName.AsSpan();
        var bare = real.LastIndexOf('@') is >= 0 and var at ? real[..at] : real;
        // Clients write meta-llama/Llama-Guard-4-12B; a folder is called by the last part alone.
        var asked = name.AsSpan();
        return real.SequenceEqual(asked) || bare.Equals(asked[(asked.LastIndexOf('/') + 1)..], StringComparison.OrdinalIgnoreCase);
    }
}

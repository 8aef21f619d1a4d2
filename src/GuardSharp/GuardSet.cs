using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp;

/// <summary>Two guards as one: conversations that hold an image go to the vision guard, all others to the text guard.</summary>
/// <remarks>
/// For Llama Guard 3, whose Vision model was made for conversations with an image and no others, beside its 8B or 1B. An image in any turn
/// counts, for the vision guard alone can read it as context. <see cref="Verdict.Model"/> says who judged; without a policy in the request
/// each guard judges by its own default. Safe from any thread, as its guards are: it keeps nothing of its own.
/// </remarks>
public sealed class GuardSet : IGuard
{
    private readonly IGuard _text;
    private readonly IGuard _vision;

    /// <summary>Joins two guards and owns them from now on.</summary>
    /// <param name="text">Judges conversations without an image.</param>
    /// <param name="vision">Judges conversations with one; its <see cref="GuardCapabilities.MaxImages"/> is at least 1.</param>
    /// <exception cref="GuardException">The vision guard takes no images.</exception>
    public GuardSet(IGuard text, IGuard vision)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(vision);
        _text = text;
        _vision = vision;
        var (t, v) = (text.Capabilities, vision.Capabilities);
        if (v.MaxImages == 0)
        {
            throw new GuardException($"The vision guard of a GuardSet must take images, but {v.Model} judges text alone. Give the vision model second.");
        }

        Capabilities = new GuardCapabilities
        {
            Model = $"{t.Model}+{v.Model}",
            Codes = [.. t.Codes.Union(v.Codes)],
            CustomCategories = t.CustomCategories && v.CustomCategories,
            NarrowedPolicies = t.NarrowedPolicies && v.NarrowedPolicies,
            Languages = [.. t.Languages.Intersect(v.Languages)],
            MaxImages = v.MaxImages,
            MaxContextTokens = Math.Min(t.MaxContextTokens, v.MaxContextTokens),
            PromptVariant = t.PromptVariant,
            Threshold = t.Threshold,
        };
    }

    /// <summary>What the set can follow.</summary>
    /// <remarks>
    /// Codes: known to at least one guard; MaxImages: the vision guard's; PromptVariant and Threshold: the text guard's, a verdict saying which
    /// threshold it was held against. Everything else is what both can do.
    /// </remarks>
    public GuardCapabilities Capabilities { get; }

    /// <summary>Loads both models.</summary>
    /// <param name="textFolder">The text model, as <see cref="GuardClassifier.Load"/> takes it.</param>
    /// <param name="visionFolder">The vision model.</param>
    /// <param name="options">Threads and limits of each; null: the defaults.</param>
    /// <exception cref="CheckpointException">A folder holds no model that can be run; the message names file and cause.</exception>
    /// <exception cref="GuardException">The vision model takes no images.</exception>
    public static GuardSet Load(string textFolder, string visionFolder, GuardOptions? options = null)
    {
        var text = GuardClassifier.Load(textFolder, options);
        GuardClassifier? vision = null;
        try
        {
            vision = GuardClassifier.Load(visionFolder, options);
            return new GuardSet(text, vision);
        }
        catch
        {
            // Load is synchronous, as that of one guard; disposing a guard joins its thread and awaits nothing, so this cannot deadlock.
            vision?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            text.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<Verdict> ClassifyAsync(
        Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        return Choose(conversation).ClassifyAsync(conversation, options, cancellationToken);
    }

    /// <summary>The guard that judges a conversation.</summary>
    internal IGuard Choose(Conversation conversation) => HoldsImage(conversation) ? _vision : _text;

    /// <summary>Disposes both guards.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _text.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await _vision.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static bool HoldsImage(Conversation conversation)
    {
        foreach (var turn in conversation.Turns ?? [])
        {
            foreach (var part in turn.Parts)
            {
                if (part is ImagePart)
                {
                    return true;
                }
            }
        }

        return false;
    }
}

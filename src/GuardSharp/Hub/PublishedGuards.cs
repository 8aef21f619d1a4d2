namespace GuardSharp.Hub;

/// <summary>A published guard.</summary>
/// <param name="Repository">Where it is downloaded from.</param>
/// <param name="Purpose">What it is for, in a few words.</param>
/// <param name="Bytes">Size of its weights as published, in bfloat16.</param>
internal sealed record PublishedGuard(string Repository, string Purpose, long Bytes);

/// <summary>The published checkpoints that GuardSharp runs. Sizes: two bytes for each parameter of docs/models.md.</summary>
internal static class PublishedGuards
{
    /// <summary>All of them, newest first.</summary>
    public static IReadOnlyList<PublishedGuard> All =>
    [
        new("meta-llama/Llama-Guard-4-12B", "text and several images, S1 to S14; the strongest", 24_002_194_432),
        new("meta-llama/Llama-Guard-3-11B-Vision", "one image with its text, S1 to S13; not meant for text alone", 21_340_441_670),
        new("meta-llama/Llama-Guard-3-8B", "text in eight languages, S1 to S14", 16_060_522_496),
        new("meta-llama/Llama-Guard-3-1B", "text, S1 to S13; small and fast", 2_471_628_800),
    ];
}

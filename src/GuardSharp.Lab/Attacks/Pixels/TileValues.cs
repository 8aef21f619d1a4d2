using GuardSharp.Imaging;

namespace GuardSharp.Lab.Attacks.Pixels;

/// <summary>What the levels of a byte are in a network's tiles, by channel: value = Black + byte * Level, but for the preprocessor's own rounding.</summary>
/// <param name="Black">The value of byte 0: red, green, blue.</param>
/// <param name="Level">What one level adds.</param>
internal sealed record TileValues(IReadOnlyList<float> Black, IReadOnlyList<float> Level)
{
    /// <summary>The values of a preprocessor.</summary>
    /// <exception cref="GuardException">The preprocessor is of a kind that attacks do not know.</exception>
    public static TileValues Of(IImageProcessor processor) => processor switch
    {
        Llama4ImageProcessor llama4 => Of(llama4.Settings.Mean, llama4.Settings.StandardDeviation),
        MllamaImageProcessor mllama => Of(mllama.Settings.Mean, mllama.Settings.StandardDeviation),
        _ => throw Unknown(processor),
    };

    /// <summary>What to say of a preprocessor that attacks do not know.</summary>
    public static GuardException Unknown(IImageProcessor processor) =>
        new($"Pictures of {processor.GetType().Name} have no gradients: attacks know the preprocessors of Llama Guard 4 and Llama Guard 3 Vision.");

    private static TileValues Of(IReadOnlyList<float> mean, IReadOnlyList<float> deviation) =>
        new([.. mean.Zip(deviation, (value, by) => -value / by)], [.. deviation.Select(value => 1 / (255 * value))]);
}

namespace GuardSharp.Checkpoints;

/// <summary>Scaling of the rotary embedding as Llama 3.1 introduced it (rope_type "llama3").</summary>
/// <param name="Factor">Divisor of the low frequencies.</param>
/// <param name="LowFrequencyFactor">Wavelengths above OriginalPositions / this are divided.</param>
/// <param name="HighFrequencyFactor">Wavelengths below OriginalPositions / this stay.</param>
/// <param name="OriginalPositions">Context length before the scaling.</param>
internal sealed record RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalPositions);

/// <summary>Inverse frequencies of the rotary embedding.</summary>
internal static class RopeFrequencies
{
    /// <summary>theta^(-2i / headSize) for i below headSize / 2, scaled where asked for (note L2).</summary>
    /// <remarks>Every step rounds to single as the reference does (transformers, modeling_rope_utils), so that angles at position 100,000 agree.</remarks>
    public static float[] Compute(double theta, int headSize, RopeScaling? scaling)
    {
        var frequencies = new float[headSize / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var exponent = 2 * i / (float)headSize;
            var frequency = 1f / (float)Math.Pow(theta, exponent);
            frequencies[i] = scaling is null ? frequency : Scale(frequency, scaling);
        }

        return frequencies;
    }

    private static float Scale(float frequency, RopeScaling scaling)
    {
        var wavelength = (float)(2 * Math.PI) / frequency;
        // Branches, not one formula: with equal factors (Scout: 1 and 1) the interpolation would divide by zero.
        if (wavelength > (float)(scaling.OriginalPositions / scaling.LowFrequencyFactor))
        {
            return frequency / (float)scaling.Factor;
        }

        if (wavelength < (float)(scaling.OriginalPositions / scaling.HighFrequencyFactor) || scaling.HighFrequencyFactor == scaling.LowFrequencyFactor)
        {
            return frequency;
        }

        var smooth = ((scaling.OriginalPositions / wavelength) - (float)scaling.LowFrequencyFactor)
            / (float)(scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return ((1 - smooth) * frequency / (float)scaling.Factor) + (smooth * frequency);
    }
}

/// <summary>Reads the rotary embedding's keys in both forms: rope_theta with rope_scaling, and rope_parameters (transformers from 5.0).</summary>
internal static class RopeConfigReader
{
    private const double MaxTheta = 1e12;
    private const int MaxPositions = 1 << 30;

    /// <summary>Reads base and scaling.</summary>
    /// <param name="config">The section that holds the keys.</param>
    /// <param name="fallback">Base where none is given.</param>
    public static (double Theta, RopeScaling? Scaling) Read(JsonSection config, double fallback)
    {
        var theta = config.OptionalNumber("rope_theta", 1, MaxTheta);
        var scaling = config.Section("rope_scaling");
        var parameters = config.Section("rope_parameters");
        if (scaling is not null && parameters is not null)
        {
            throw config.Error("rope_parameters", "given", "rope_scaling is given as well; keep one of them");
        }

        var section = scaling ?? parameters;
        var inner = section?.OptionalNumber("rope_theta", 1, MaxTheta);
        if (theta is not null && inner is not null && theta != inner)
        {
            throw section!.Error("rope_theta", $"{inner}", $"the outer rope_theta is {theta}; keep one of them");
        }

        // rope_scaling without a type is llama3: the network knows no other (note L2). rope_parameters is always written, so there it is none.
        return (inner ?? theta ?? fallback, section is null ? null : ReadScaling(section, scaling is not null ? "llama3" : "default"));
    }

    /// <summary>Reads the base where no scaling is supported.</summary>
    public static (double Theta, RopeScaling? Scaling) ReadUnscaled(JsonSection config, double fallback)
    {
        var rope = Read(config, fallback);
        return rope.Scaling is null ? rope : throw config.Error("rope_scaling", "given", "only an unscaled rotary embedding is supported here");
    }

    private static RopeScaling? ReadScaling(JsonSection section, string fallback)
    {
        var key = section.Has("rope_type") ? "rope_type" : "type";
        section.Ignore("rope_type", "type");
        switch (section.Text(key) ?? fallback)
        {
            case "default":
                return null;
            case "llama3":
                break;
            case var other:
                throw section.Error(key, $"\"{Printable.Of(other)}\"", "\"llama3\" and \"default\" are supported");
        }

        var scaling = new RopeScaling(
            section.Number("factor", 1e-3, 1e6),
            section.Number("low_freq_factor", 1e-3, 1e6),
            section.Number("high_freq_factor", 1e-3, 1e6),
            section.Int("original_max_position_embeddings", 1, MaxPositions));
        return scaling.HighFrequencyFactor >= scaling.LowFrequencyFactor ? scaling : throw section.Error(
            "high_freq_factor", $"{scaling.HighFrequencyFactor}", $"it must be at least low_freq_factor, {scaling.LowFrequencyFactor}");
    }
}

using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class RopeFrequenciesTests
{
    [Theory]
    [InlineData("unscaled", 128, 0, 0, 0)]
    [InlineData("scout_16_1_1", 128, 16, 1, 1)]
    [InlineData("llama31_8_1_4", 128, 8, 1, 4)]
    [InlineData("llama32_1b_32_1_4", 64, 32, 1, 4)]
    public void Frequencies_are_those_of_the_reference(string name, int headSize, double factor, double low, double high)
    {
        using var file = SafetensorsFile.Open(TestFiles.Golden("processing", "rope_inv_freq.safetensors"));
        var expected = file.Get(name).ToSingles();
        var actual = RopeFrequencies.Compute(500000, headSize, factor == 0 ? null : new RopeScaling(factor, low, high, 8192));
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            // One unit in the last place: the reference's vectorised pow is not correctly rounded.
            var distance = Math.Abs(BitConverter.SingleToInt32Bits(expected[i]) - BitConverter.SingleToInt32Bits(actual[i]));
            Assert.True(distance <= 1, $"{name}[{i}]: {actual[i]:R} but the reference has {expected[i]:R}");
        }
    }
}

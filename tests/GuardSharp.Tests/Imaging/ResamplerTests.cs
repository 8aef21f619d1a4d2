using CsCheck;
using GuardSharp.Imaging;

namespace GuardSharp.Tests.Imaging;

public sealed class ResamplerTests
{
    [Fact]
    public void The_weights_of_every_output_pixel_sum_to_1_and_stay_inside_the_picture() =>
        Gen.Select(Gen.Int[1, 4000], Gen.Int[1, 1500]).Sample((input, output) =>
        {
            var axis = new ResamplingCoefficients(input, output);
            for (var i = 0; i < output; i++)
            {
                Assert.InRange(axis.Starts[i], 0, input - axis.Counts[i]);
                Assert.InRange(axis.Counts[i], 1, axis.MaxCount);
                var sum = 0.0;
                foreach (var weight in axis.Weights.Slice(i * axis.MaxCount, axis.MaxCount))
                    sum += weight;
                Assert.Equal(1.0, sum, 1e-12);   // rounding of a double for each of up to 8,000 weights
            }

            Assert.InRange(axis.FixedWeights.ToArray().Max(), 1, short.MaxValue);
        }, iter: 200, seed: "0001imgTiles");

    [Theory]
    [InlineData(90, 70, 40, 30)]
    [InlineData(20, 30, 56, 41)]
    public void Two_matrix_products_are_the_same_resize(int width, int height, int newWidth, int newHeight)
    {
        var image = Pictures.Noise(width, height, 3);
        var resized = Resampler.Resize(image, newWidth, newHeight);
        var rows = new ResamplingCoefficients(height, newHeight).ToMatrix();
        var columns = new ResamplingCoefficients(width, newWidth).ToMatrix();
        for (var y = 0; y < newHeight; y++)
        {
            for (var x = 0; x < newWidth; x++)
            {
                var sum = 0f;
                for (var v = 0; v < height; v++)
                {
                    for (var u = 0; u < width; u++)
                        sum += rows[(y * height) + v] * columns[(x * width) + u] * image.Pixels[((v * width) + u) * 4];
                }

                // Rounded to bytes twice (0.5 each), and 16-bit weights (up to 0.1).
                Assert.InRange(resized.Pixels[((y * newWidth) + x) * 4] - sum, -1.1f, 1.1f);
            }
        }
    }

    [Fact]
    public void A_picture_of_the_wanted_size_is_left_alone()
    {
        var image = Pictures.Noise(20, 10, 4);
        Assert.Same(image, Resampler.Resize(image, 20, 10));
    }

    [Fact]
    public void One_colour_stays_that_colour_at_any_size() =>
        Gen.Select(Gen.Int[1, 200], Gen.Int[1, 200], Gen.Int[1, 200], Gen.Int[1, 200], Gen.Byte).Sample((w, h, w2, h2, value) =>
        {
            var resized = Resampler.Resize(Pictures.Of(w, h, (_, _) => new SkiaSharp.SKColor(value, 0, 255, 255)), w2, h2);
            Assert.Equal(w2 * h2 * 4, resized.Pixels.Length);
            Assert.All(Enumerable.Range(0, w2 * h2), i =>
            {
                Assert.InRange(resized.Pixels[i * 4] - value, -1, 1);   // 16-bit weights of a pixel may sum to a little less or more than 1
                Assert.Equal(0, resized.Pixels[(i * 4) + 1]);
                Assert.InRange(resized.Pixels[(i * 4) + 2], 254, 255);
            });
        }, iter: 50, seed: "0001imgTiles");
}

using System.Globalization;
using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Tests.Imaging;

/// <summary>
/// Mutated pictures: what comes out is a picture or an ImageException. More by hand:
/// GUARDSHARP_FUZZ_ITERATIONS=1000000 GUARDSHARP_FUZZ_SEED=7 dotnet run -c Release --project tests/GuardSharp.Tests -- -class "*ImageFuzz*".
/// </summary>
public sealed class ImageFuzzTests
{
    // Small, so that a mutated header cannot make one picture cost more than a millisecond or so.
    private static readonly ImageLimits Limits = new() { MaxImageBytes = 1 << 20, MaxPixels = 1 << 16, MaxSide = 4096 };

    [Fact]
    public void Nothing_but_an_ImageException_escapes_from_mutated_pictures()
    {
        var iterations = FromEnvironment("GUARDSHARP_FUZZ_ITERATIONS", 10_000);
        var seed = FromEnvironment("GUARDSHARP_FUZZ_SEED", 1);
        var seeds = Seeds();
        var processor = new Llama4ImageProcessor(new Llama4ImageSettings { TileSize = 56, MaxTiles = 4 });
        var decoded = 0;
        for (var i = 0; i < iterations; i++)
        {
            var random = new Random(unchecked((seed * 1_000_003) + i));
            var encoded = Mutate(seeds[i % seeds.Count], seeds, random);
            try
            {
                decoded += processor.Process(ImageDecoder.Decode(encoded, Limits)).Tiles > 0 ? 1 : 0;
            }
            catch (ImageException)
            {
                // The allowed outcome.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, iteration {i}: {e.GetType().Name}: {e.Message}");
            }
        }

        // Both outcomes must occur, or the mutations are too tame or too wild to test anything.
        Assert.InRange(decoded, iterations / 100, iterations * 99 / 100);
    }

    private static List<byte[]> Seeds()
    {
        var noise = Pictures.Noise(24, 18, 5);
        var smooth = Pictures.Of(40, 30, (x, y) => new SKColor((byte)(x * 6), (byte)(y * 8), 90, (byte)(200 + (x % 50))));
        var formats = new[] { SKEncodedImageFormat.Png, SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Webp };
        var files = new[] { "tiny_3x2", "tiny_1x1", "palette_123x77" }.Select(n => File.ReadAllBytes(TestFiles.Golden("preprocessing", "images", n + ".png")));
        return [.. formats.SelectMany(f => new[] { noise.Encode(f), smooth.Encode(f, 70), smooth.Encode(f, 100) }), .. files];
    }

    // Up to 8 of: flip a bit, set a byte or a 32-bit number to an extreme, cut, repeat a part, insert a part of another picture.
    private static byte[] Mutate(byte[] original, List<byte[]> others, Random random)
    {
        var bytes = new List<byte>(original);
        for (var steps = random.Next(1, 9); steps > 0 && bytes.Count > 4; steps--)
        {
            // Headers are short and decide most: half the mutations go there.
            var at = random.Next(random.Next(2) == 0 ? Math.Min(bytes.Count, 64) : bytes.Count);
            var length = Math.Min(random.Next(1, 32), bytes.Count - at);
            switch (random.Next(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes[at] = (byte)(random.Next(2) * 255); break;
                case 3: Overwrite(bytes, at, BitConverter.GetBytes(random.Next(-2, 3))); break;
                case 4: bytes.RemoveRange(at, length); break;
                case 5: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                default:
                    var other = others[random.Next(others.Count)];
                    var from = random.Next(other.Length);
                    bytes.InsertRange(at, other[from..Math.Min(from + length, other.Length)]);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] value)
    {
        for (var i = 0; i < value.Length && at + i < bytes.Count; i++)
            bytes[at + i] = value[i];
    }

    private static int FromEnvironment(string name, int absent) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? int.Parse(value, CultureInfo.InvariantCulture) : absent;
}

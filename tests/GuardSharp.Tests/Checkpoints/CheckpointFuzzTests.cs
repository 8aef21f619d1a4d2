using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Tests.Checkpoints;

/// <summary>
/// Mutated files of a model folder: each is read or refused with a GuardException. More by hand:
/// GUARDSHARP_FUZZ_ITERATIONS=1000000 GUARDSHARP_FUZZ_SEED=7 dotnet run -c Release --project tests/GuardSharp.Tests -- --filter-class "*CheckpointFuzz*".
/// </summary>
public sealed class CheckpointFuzzTests
{
    // Most a refused or accepted file of some kilobytes may allocate: 64 MiB, a thousandth of what a lying length or dimension could ask for.
    private const long MaxAllocatedBytes = 64 << 20;

    [Fact]
    public void Nothing_but_a_GuardException_escapes_from_mutated_headers()
    {
        var small = SafetensorsSample.Build(SafetensorsSample.GoodHeader, 16);
        var metadata = SafetensorsSample.Build(
            """{"__metadata__":{"k":"v"},"e":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", 1);
        var real = File.ReadAllBytes(TestFiles.Golden("processing", "rope_inv_freq.safetensors"));
        Run([small, metadata, real], ReadHeader);
    }

    [Fact]
    public void Nothing_but_a_GuardException_escapes_from_mutated_files_on_disk()
    {
        using var folder = new TemporaryFolder();
        var path = folder["model.safetensors"];
        Run([SafetensorsSample.Build(SafetensorsSample.GoodHeader, 16)], bytes =>
        {
            File.WriteAllBytes(path, bytes);
            using var checkpoint = Checkpoint.Open(folder.Path);
            var sum = 0L;
            foreach (var tensor in checkpoint.Tensors)
            {
                unsafe
                {
                    sum += tensor.Bytes > 0 ? ((byte*)tensor.Data)[0] + ((byte*)tensor.Data)[tensor.Bytes - 1] : 0;
                }
            }

            Assert.Equal(64, checkpoint.Sha256.Length);
            Assert.True(sum >= 0);
        }, divisor: 10);
    }

    [Fact]
    public void Nothing_but_a_GuardException_escapes_from_mutated_configs()
    {
        string[] folders = ["llama4-tiny", "llama4-guard-tiny", "llama4-moe-tiny/moe"];
        Run([.. folders.Select(name => File.ReadAllBytes(TestFiles.Golden([.. name.Split('/'), "config.json"])))], bytes =>
        {
            var config = JsonSection.Parse("config.json", bytes, Llama4ConfigReader.Read);
            var text = config.Text;
            Assert.Equal((text.Layers, text.Layers, text.Layers), (text.RopeLayers.Length, text.MoeLayers.Length, text.ChunkedLayers.Length));
            Assert.True(config.Parameters() > 0);
            Assert.All(MemoryEstimate.Of(config), memory => Assert.True(memory.Bytes > 0));
            Assert.All(RopeFrequencies.Compute(text.RopeTheta, text.HeadSize, text.RopeScaling), frequency => Assert.True(float.IsFinite(frequency)));
        });
        Run([File.ReadAllBytes(TestFiles.Golden("llama-tiny", "tied", "config.json"))], bytes =>
        {
            var config = JsonSection.Parse("config.json", bytes, LlamaConfigReader.Read);
            Assert.True(config.Parameters() > 0);
            Assert.All(MemoryEstimate.Of(config), memory => Assert.True(memory.Bytes > 0));
            Assert.All(RopeFrequencies.Compute(config.RopeTheta, config.HeadSize, config.RopeScaling), frequency => Assert.True(float.IsFinite(frequency)));
        });
        Run([File.ReadAllBytes(TestFiles.Golden("mllama-tiny", "config.json"))], bytes =>
        {
            var config = JsonSection.Parse("config.json", bytes, MllamaConfigReader.Read);
            Assert.True(config.Parameters() > 0);
            Assert.All(MemoryEstimate.Of(config), memory => Assert.True(memory.Bytes > 0));
            Assert.All(config.Text.CrossLayers, layer => Assert.InRange(layer, 0, config.Text.Layers - 1));
            Assert.All(config.Vision.Grids, grid => Assert.InRange(grid.Rows * grid.Columns, 1, config.Vision.MaxTiles));
            Assert.All(RopeFrequencies.Compute(config.Text.RopeTheta, config.Text.HeadSize, config.Text.RopeScaling), frequency => Assert.True(float.IsFinite(frequency)));
        });
    }

    [Fact]
    public void Nothing_but_a_GuardException_escapes_from_mutated_manifests_indexes_and_templates()
    {
        var index = """{"metadata":{"total_size":10},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""";
        var manifest = """
            {"schema":1,"name":"n","version":"v","codes":["S1","S2"],"customCategories":true,"languages":["en"],"maxImages":5,"threshold":0.5,"temperature":1}
            """;
        var template = """{"chat_template":[{"name":"default","template":"text \u00e4"}],"bos_token":"<|begin_of_text|>"}""";
        using var folder = new TemporaryFolder();
        var path = folder["tokenizer_config.json"];
        var config = Llama4Config.Read(TestFiles.Golden("llama4-tiny"));
        Run([Encoding.UTF8.GetBytes(index)], bytes => JsonSection.Parse("index.json", bytes, ShardIndex.Read));
        Run([Encoding.UTF8.GetBytes(manifest)], bytes => JsonSection.Parse("guardsharp.json", bytes, GuardManifest.Read));
        Run([Encoding.UTF8.GetBytes(template)], bytes =>
        {
            File.WriteAllBytes(path, bytes);
            File.WriteAllBytes(folder["generation_config.json"], bytes);
            ChatTemplate.Read(folder.Path);
            GenerationConfig.EndIds(folder.Path, config);
        }, divisor: 10);
    }

    [Fact]
    public void Nothing_but_a_GuardException_escapes_from_mutated_quantised_folders()
    {
        using var folder = new TemporaryFolder();
        new FolderQuantisation(TestFiles.Golden("llama-tiny", "tied"), QuantisationScheme.Int4 with { Group = 256 }).Run(folder["source"], (_, _) => { }, TestContext.Current.CancellationToken);
        Run([File.ReadAllBytes(Path.Combine(folder["source"], QuantisationRecord.FileName))], bytes =>
        {
            var record = JsonSection.Parse(QuantisationRecord.FileName, bytes, QuantisationRecord.Read);
            Assert.True(record.Error >= 0 && record.SourceWeights?.Short.Length is null or 12 or 13);
        });

        const string header =
            """{"w":{"dtype":"U8","shape":[2,32],"data_offsets":[8,72]},"w_scale":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}""";
        var path = folder["model.safetensors"];
        Run([SafetensorsSample.Build(header, 72)], bytes =>
        {
            File.WriteAllBytes(path, bytes);
            using var checkpoint = Checkpoint.Open(folder.Path);
            var weight = Assert.IsType<BlockWeight>(new CheckpointWeights(checkpoint).Matrix("w", 2, 60));
            var row = new float[60];
            BlockNumbers.Row(weight, 0, row);
            BlockNumbers.Row(weight, 1, row);
        }, divisor: 10);
    }

    private static void ReadHeader(byte[] bytes)
    {
        if (bytes.Length < SafetensorsHeader.PrefixBytes)
        {
            return;
        }

        var length = SafetensorsHeader.ReadLength("x", BinaryPrimitives.ReadUInt64LittleEndian(bytes), bytes.Length);
        var dataBytes = bytes.Length - SafetensorsHeader.PrefixBytes - length;
        var end = 0L;
        foreach (var tensor in SafetensorsHeader.Parse("x", bytes.AsSpan(SafetensorsHeader.PrefixBytes, length), dataBytes).Tensors)
        {
            Assert.Equal(end, tensor.Begin);
            Assert.Equal(tensor.Shape.Aggregate(Int128.One, (a, b) => a * b) * tensor.Type.Size(), tensor.End - tensor.Begin);
            end = tensor.End;
        }

        Assert.Equal(dataBytes, end);
    }

    private static void Run(byte[][] samples, Action<byte[]> read, int divisor = 1)
    {
        var iterations = FromEnvironment("GUARDSHARP_FUZZ_ITERATIONS", 10_000) / divisor;
        var seed = FromEnvironment("GUARDSHARP_FUZZ_SEED", 1);
        var (accepted, refused) = (0, 0);
        for (var i = 0; i < iterations; i++)
        {
            var bytes = FileMutation.Mutate(samples[i % samples.Length], new Random(unchecked((seed * 1_000_003) + i)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(bytes);
                accepted++;
            }
            catch (GuardException)
            {
                refused++;
            }
            catch (Exception exception)
            {
                Assert.Fail($"seed {seed}, iteration {i}: {exception}");
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < MaxAllocatedBytes, $"seed {seed}, iteration {i}: {allocated} bytes allocated");
        }

        // Both outcomes must occur, or the mutations are too tame or too wild to test anything.
        Assert.InRange(accepted, Math.Max(1, iterations / 200), iterations);
        Assert.InRange(refused, iterations / 10, iterations);
    }

    private static int FromEnvironment(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : fallback;
}

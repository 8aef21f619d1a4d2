using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;
using GuardSharp.Lab.Training;
using GuardSharp.Models.Llama4;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Engine;

/// <summary>A complete model folder with random weights: every room takes part, and the numbers mean nothing.</summary>
internal static class RandomGuard
{
    private const int Vocabulary = 432;

    /// <summary>Writes the folder: golden-sized llama4 with a tokenizer of its own.</summary>
    /// <param name="folder">An empty folder.</param>
    /// <param name="golden">The fixture whose config.json is taken.</param>
    public static void Write(string folder, string golden = "llama4-tiny")
    {
        var learned = BpeTrainer.Learn(
            ["The quick brown fox asks how to pick a lock.", "safe unsafe User Agent S1 S2 S3 S10 S11", "Bonjour, ça va? สวัสดี नमस्ते"], BpeTrainerOptions.ForGuard(Vocabulary));
        TokenizerJson.Write(learned, Path.Combine(folder, "tokenizer.json"));
        var tokenizer = GuardSharp.Tokenization.TokenizerFile.Load(folder);
        WriteConfig(folder, golden, tokenizer);
        new GuardManifest
        {
            Name = "random-guard",
            Version = "1",
            Codes = ["S1", "S2", "S3", "S10"],
            NarrowedPolicies = true,
            MaxImages = 3,
            PromptVariant = "Compact",
            Synthetic = true,
        }.Write(folder);

        var shapes = new RecordedShapes();
        using var ops = new CpuOps(1);
        _ = new Llama4Network(ops, shapes, Llama4Config.Read(folder));
        WriteWeights(Path.Combine(folder, Checkpoint.SingleFileName), shapes.Shapes);
    }

    private static void WriteConfig(string folder, string golden, GuardSharp.Tokenization.BpeTokenizer tokenizer)
    {
        int Id(string name) => tokenizer.TryGetSpecial(name, out var id) ? id : throw new InvalidOperationException(name);
        var config = JsonNode.Parse(File.ReadAllText(TestFiles.Golden(golden, "config.json")))!;
        config["boi_token_index"] = Id("<|image_start|>");
        config["eoi_token_index"] = Id("<|image_end|>");
        config["image_token_index"] = Id("<|patch|>");
        config["text_config"]!["vocab_size"] = Vocabulary;
        config["text_config"]!["eos_token_id"] = new JsonArray(Id("<|eot|>"));
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
    }

    private static void WriteWeights(string path, SortedDictionary<string, long[]> shapes)
    {
        var random = new Random(5);
        using var writer = SafetensorsWriter.Create(path, shapes.Select(s => new TensorPlan(s.Key, TensorType.F32, s.Value)));
        foreach (var (name, shape) in shapes)
        {
            var numbers = new float[shape.Aggregate(1L, (a, b) => a * b)];
            var isNorm = name.Contains("norm", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal);
            // Logits far apart make the answers uneven, as a real guard's are.
            var size = name.Contains("lm_head", StringComparison.Ordinal) ? 1f : 0.2f;
            for (var i = 0; i < numbers.Length; i++)
            {
                numbers[i] = (isNorm ? 1 : 0) + (size * ((random.NextSingle() * 2) - 1));
            }

            writer.Append(name, numbers);
        }

        writer.Commit();
    }
}

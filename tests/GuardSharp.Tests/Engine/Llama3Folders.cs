using System.Text.Json.Nodes;
using GuardSharp.Lab.Training;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Engine;

/// <summary>Whole model folders of the Llama 3 generation: golden weights and a tokenizer of our own. Their verdicts mean nothing.</summary>
internal static class Llama3Folders
{
    // A prompt in a vocabulary of 500 words is long.
    private const int MaxPositions = 2048;

    /// <summary>The golden llama model with the tied head.</summary>
    public static void WriteLlama(string folder) => Write(folder, TestFiles.Golden("llama-tiny", "tied"), (config, _) => config["max_position_embeddings"] = MaxPositions);

    /// <summary>The golden mllama model.</summary>
    public static void WriteMllama(string folder) => Write(folder, TestFiles.Golden("mllama-tiny"), (config, tokenizer) =>
    {
        Assert.True(tokenizer.TryGetSpecial("<|image|>", out var image));
        config["image_token_index"] = image;
        config["text_config"]!["max_position_embeddings"] = MaxPositions;
    });

    /// <summary>A tokenizer.json of 507 tokens, the last twelve with the names of Llama 3's.</summary>
    public static void WriteTokenizer(string path)
    {
        TokenizerJson.Write(BpeTrainer.Learn(File.ReadLines(TestFiles.Golden("README.md")), BpeTrainerOptions.ForGuard(495 + 12)), path);
        File.WriteAllText(path, File.ReadAllText(path)
            .Replace("<|eot|>", "<|eot_id|>", StringComparison.Ordinal)
            .Replace("<|user|>", "<|start_header_id|>", StringComparison.Ordinal)
            .Replace("<|agent|>", "<|end_header_id|>", StringComparison.Ordinal));
    }

    private static void Write(string folder, string golden, Action<JsonNode, BpeTokenizer> edit)
    {
        File.Copy(Path.Combine(golden, "model.safetensors"), Path.Combine(folder, "model.safetensors"));
        WriteTokenizer(Path.Combine(folder, "tokenizer.json"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(golden, "config.json")))!;
        edit(config, TokenizerFile.Load(folder));
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
    }
}

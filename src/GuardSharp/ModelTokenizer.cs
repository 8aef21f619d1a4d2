using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Tokenization;

namespace GuardSharp;

/// <summary>Opens the tokenizer of a model, wherever it lies.</summary>
internal static class ModelTokenizer
{
    private const string Key = "tokenizer.ggml.";

    // llama_token_type of llama.cpp: an ordinary token; the others are control tokens, added ones and fillers, which text never becomes.
    private const long Normal = GgufVocabulary.Normal;

    // What llama.cpp takes for Llama 3's pattern.
    private static readonly string[] Llama3Names = ["llama-bpe", "llama3", "llama-v3"];

    /// <summary>The tokenizer file of a folder, or the vocabulary inside its GGUF file.</summary>
    /// <param name="path">A model folder, a GGUF file or a tokenizer file.</param>
    /// <exception cref="CheckpointException">There is none, or it is damaged or of an unknown kind.</exception>
    public static BpeTokenizer Load(string path)
    {
        var hasFile = Directory.Exists(path) && (File.Exists(Path.Combine(path, TokenizerFile.HuggingFaceName)) || File.Exists(Path.Combine(path, TokenizerFile.TiktokenName)));
        if (hasFile || GgufFile.Find(path) is not { } gguf)
        {
            return TokenizerFile.Load(path);
        }

        using var file = GgufFile.Open(gguf);
        return Read(file);
    }

    /// <summary>A tokenizer as lists, for a GGUF file.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="path">Where it was read from, for messages.</param>
    /// <exception cref="CheckpointException">It has no merge list.</exception>
    public static GgufVocabulary Listed(BpeTokenizer tokenizer, string path)
    {
        var merges = tokenizer.MergeList() ?? throw new CheckpointException(
            $"{path}: the tokenizer has no merge list, which a GGUF file needs. Put the model's {TokenizerFile.HuggingFaceName} into the folder.");
        var special = tokenizer.Specials.ToDictionary(pair => pair.Value, pair => pair.Key);
        var tokens = new string[tokenizer.VocabularySize];
        for (var id = 0; id < tokens.Length; id++)
        {
            tokens[id] = special.GetValueOrDefault(id) ?? ByteLevelAlphabet.Spell(tokenizer.BytesOf(id).Span);
        }

        return new GgufVocabulary(
            tokens,
            [.. tokens.Select((_, id) => special.ContainsKey(id) ? GgufVocabulary.Control : GgufVocabulary.Normal)],
            [.. merges.Select(pair => $"{tokens[pair.Left]} {tokens[pair.Right]}")]);
    }

    private static BpeTokenizer Read(GgufFile file)
    {
        var model = file.Text(Key + "model");
        var splitting = file.Text(Key + "pre");
        if (model != "gpt2" || !Llama3Names.Contains(splitting))
        {
            throw file.Wrong(Key + (model != "gpt2" ? "model" : "pre"),
                $"is \"{model}\" with the splitting \"{splitting}\", but only \"gpt2\" with \"llama-bpe\" (Llama 3) is read from GGUF; put the model's tokenizer.json beside the file");
        }

        var tokens = file.Texts(Key + "tokens") ?? throw file.Wrong(Key + "tokens", "is missing");
        var merges = file.Texts(Key + "merges") ?? throw file.Wrong(Key + "merges", "is missing");
        var types = file.Integers(Key + "token_type") ?? throw file.Wrong(Key + "token_type", "is missing");
        if (types.Length != tokens.Count)
        {
            throw file.Wrong(Key + "token_type", $"has {types.Length} entries for {tokens.Count} tokens");
        }

        return ListedVocabulary.Build(file.FileName, tokens, Array.ConvertAll(types, type => type != Normal), merges);
    }
}

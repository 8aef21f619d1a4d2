using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>A tokenizer of 900 ids, learned by BpeTrainer for the tests: the real ones are not in the repository.</summary>
internal static class SmallTokenizer
{
    public static string Path { get; } = System.IO.Path.Combine(TestFiles.Root, "tests", "GuardSharp.Tests", "Tokenization", "small-tokenizer.json");

    public static BpeTokenizer Load() => TokenizerFile.Load(Path);

    public static List<int> Encode(this BpeTokenizer tokenizer, string text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return ids;
    }
}

using GuardSharp.Checkpoints;
using GuardSharp.Lab.Training;
using GuardSharp.Prompts;

[assembly: AssemblyFixture(typeof(GuardSharp.Tests.TestModel))]

namespace GuardSharp.Tests;

/// <summary>A whole model folder with random weights: the golden Llama Guard 4 miniature with a tokenizer and a manifest. Its verdicts mean nothing.</summary>
/// <remarks>Made once for the assembly; take it as a constructor parameter. 512 tokens of context, tiles of 84 pixels of 9 tokens.</remarks>
public sealed class TestModel : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TestModel() => Write(_folder.Path);

    /// <summary>The folder.</summary>
    public string Folder => _folder.Path;

    /// <summary>Writes another such folder, to be damaged by a test.</summary>
    public static void Write(string folder)
    {
        foreach (var name in (string[])["config.json", "model.safetensors"])
        {
            File.Copy(TestFiles.Golden("llama4-guard-tiny", name), Path.Combine(folder, name));
        }

        // config.json puts <|patch|> at 505; it is the eleventh special token, so 495 ordinary ones stand before them.
        var options = BpeTrainerOptions.ForGuard(495 + 12);
        TokenizerJson.Write(BpeTrainer.Learn(File.ReadLines(TestFiles.Golden("README.md")), options), Path.Combine(folder, TokenizerFileName));
        new GuardManifest
        {
            Name = "test-guard",
            Version = "1",
            Codes = [.. Enumerable.Range(1, 14).Select(number => $"S{number}")],
            NarrowedPolicies = true,
            MaxImages = 3,
            PromptVariant = nameof(PromptVariant.Compact),
        }.Write(folder);
    }

    public void Dispose() => _folder.Dispose();

    private const string TokenizerFileName = "tokenizer.json";
}

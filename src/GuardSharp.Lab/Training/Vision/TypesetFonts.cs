using SkiaSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>The fonts beside the program: those that training renders with, and one that it never sees.</summary>
internal sealed class TypesetFonts : IDisposable
{
    private const string KeptAsideFile = "Carlito-Regular.ttf";

    private TypesetFonts(IReadOnlyList<SKTypeface> training, SKTypeface keptAside) => (Training, KeptAside) = (training, keptAside);

    /// <summary>Fonts to train with.</summary>
    public IReadOnlyList<SKTypeface> Training { get; }

    /// <summary>The font of tests and of dev numbers: how pictures in an unseen font are read.</summary>
    public SKTypeface KeptAside { get; }

    /// <summary>Loads every font of a folder.</summary>
    /// <param name="folder">Null: "Fonts" beside the program.</param>
    /// <exception cref="TrainingException">The folder lacks fonts, or one of them cannot be read.</exception>
    public static TypesetFonts Load(string? folder = null)
    {
        folder ??= Path.Combine(AppContext.BaseDirectory, "Fonts");
        var files = Directory.Exists(folder)
            ? Directory.GetFiles(folder).Where(f => f.EndsWith(".ttf", StringComparison.Ordinal) || f.EndsWith(".otf", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToArray()
            : [];
        var training = files.Where(f => Path.GetFileName(f) != KeptAsideFile).Select(Open).ToArray();
        if (training.Length == 0 || training.Length == files.Length)
            throw new TrainingException($"{folder} holds {files.Length} fonts, but {KeptAsideFile} and at least one other are needed. Build the project again.");
        return new TypesetFonts(training, Open(Path.Combine(folder, KeptAsideFile)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var font in Training)
            font.Dispose();
        KeptAside.Dispose();
    }

    private static SKTypeface Open(string file) =>
        SKTypeface.FromFile(file) ?? throw new TrainingException($"{file} is no font that Skia reads. Restore the file from the repository.");
}

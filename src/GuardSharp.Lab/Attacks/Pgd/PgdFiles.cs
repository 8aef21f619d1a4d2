using GuardSharp.Evaluation.Attacks;
using GuardSharp.Imaging;
using GuardSharp.Lab.Attacks.Pixels;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>The files of one row under one setting. Of several pictures the first has the plain name, the others a number behind it.</summary>
/// <param name="room">Who is asked and where files go.</param>
/// <param name="target">The row.</param>
/// <param name="setting">What tells this setting's files from another's.</param>
internal sealed class PgdFiles(PgdRoom room, PgdTarget target, string setting)
{
    private readonly string _stem = PictureFiles.StemOf(target.Sample.Id);
    private PgdSolution? _last;

    /// <summary>The attacked picture, as results name it.</summary>
    public string AttackedName { get; private set; } = "";

    /// <summary>Reads the pictures of a result back.</summary>
    public static IReadOnlyList<PixelPlanes> Load(AttackFolder folder, AttackResult result, int pictures) =>
    [
        .. Enumerable.Range(0, pictures)
            .Select(index => PixelPlanes.Of(ImageDecoder.Decode(File.ReadAllBytes(folder.PathOf(NameOf(result.AttackedPicture!, index))), new ImageLimits()))),
    ];

    /// <summary>Whether a solution is what the files hold now.</summary>
    public bool IsLast(PgdSolution solution) => ReferenceEquals(solution, _last);

    /// <summary>Writes pictures as PNG, reads the files back and asks the guard about them.</summary>
    public PgdSolution Ask(IReadOnlyList<PixelPlanes> pictures, CancellationToken cancellation)
    {
        var names = Write($"{_stem}-{setting}.png", pictures.Select(picture => ImageEncoder.Png(picture.Round())));
        AttackedName = names[0];
        var verdict = room.Ask(target.With([.. names.Select(name => File.ReadAllBytes(room.Folder.PathOf(name)))]), cancellation);
        _last = new PgdSolution(pictures, verdict.UnsafeProbability, !verdict.Unsafe);
        return _last;
    }

    /// <summary>Writes the pictures as they were.</summary>
    /// <returns>The first one's name.</returns>
    public string WriteOriginal()
    {
        var files = PgdTarget.Pictures(target.Sample.Conversation).Select(picture => picture.Data.ToArray()).ToList();
        return Write($"{_stem}-original{PictureFiles.EndingOf(files[0])}", files)[0];
    }

    /// <summary>Writes the differences.</summary>
    /// <returns>The first one's name.</returns>
    public string WriteDifference(PgdSolution solution) => Write(
        $"{_stem}-{setting}-difference.png",
        target.Clean.Zip(solution.Pictures, (before, after) => PictureFiles.Difference(before.Round(), after.Round())))[0];

    private static string NameOf(string first, int index) =>
        index == 0 ? first : $"{Path.ChangeExtension(first, null)}.{index + 1}{Path.GetExtension(first)}";

    private List<string> Write(string first, IEnumerable<byte[]> files) => [.. files.Select((file, index) => room.Folder.WritePicture(NameOf(first, index), file))];
}

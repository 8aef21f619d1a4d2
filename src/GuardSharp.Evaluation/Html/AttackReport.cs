using System.Text;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Evaluation.Html;

/// <summary>One HTML file of attacks that came to their end.</summary>
public static class AttackReport
{
    /// <summary>Writes the report; the file appears whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folders">Folders of attacks (<see cref="AttackFolder"/>), at least one.</param>
    /// <param name="options">What it shows: <see cref="PageOptions.Mistakes"/> is the number of rows of each attack.</param>
    /// <param name="made">When.</param>
    /// <exception cref="GuardException">A folder holds no attack that came to its end, or the file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<string> folders, PageOptions options, DateTimeOffset made)
    {
        options.Check();
        List<AttackRun> runs = [.. folders.Select(Read)];
        if (runs.Count == 0)
        {
            throw new GuardException("Name the folder of at least one attack.");
        }

        using var file = new PendingFile(path);
        file.Stream.Write(Encoding.UTF8.GetBytes(new AttackPage(runs, options, made).Write().Html));
        file.Commit();
    }

    private static AttackRun Read(string folder)
    {
        var (summary, results) = AttackFolder.Read(folder);
        return new AttackRun(folder, summary, results);
    }
}

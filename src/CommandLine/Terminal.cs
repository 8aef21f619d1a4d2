using System.Text;

namespace GuardSharp.CommandLine;

/// <summary>What a command reads and writes: results on <see cref="Out"/>, progress and messages on <see cref="Error"/>.</summary>
/// <remarks>This folder is source shared by the two executables; neither references the other.</remarks>
/// <param name="In">Standard input.</param>
/// <param name="Out">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="OutIsTerminal">True when a person sees the output as it is written.</param>
/// <param name="ErrorIsTerminal">True when a person sees the messages as they are written.</param>
internal sealed record Terminal(Lazy<TextReader> In, TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal)
{
    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Width of the terminal in columns.</summary>
    public int Width => OutIsTerminal || ErrorIsTerminal ? Math.Clamp(ConsoleWidth(), 40, 200) : 100;

    /// <summary>The terminal of this process, UTF-8 whatever the locale says.</summary>
    /// <remarks>Streams of our own: the console's writers load terminal descriptions that a short command does not need.</remarks>
    public static Terminal OfProcess() => new(
        new Lazy<TextReader>(() => new StreamReader(Console.OpenStandardInput(), _utf8)),
        new StreamWriter(Console.OpenStandardOutput(), _utf8) { AutoFlush = false },
        new StreamWriter(Console.OpenStandardError(), _utf8) { AutoFlush = true },
        !Console.IsOutputRedirected,
        !Console.IsErrorRedirected);

    private static int ConsoleWidth()
    {
        try
        {
            return Console.WindowWidth > 0 ? Console.WindowWidth : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }
}

extern alias cli;
extern alias lab;

using System.Text.Json;
using cli::GuardSharp.CommandLine;
using GuardSharp.Cli;
using GuardSharp.Lab;

namespace GuardSharp.Tests.Cli;

/// <summary>One command line of guardsharp or guardsharp-lab, run in this process.</summary>
internal sealed record CommandLineRun(int Code, string Out, string Error)
{
    public static Task<CommandLineRun> OfAsync(params string[] args) => OfAsync("", isTerminal: false, args);

    public static Task<CommandLineRun> OfAsync(string[] args, CancellationToken cancellationToken) => OfAsync("", false, args, cancellationToken);

    public static Task<CommandLineRun> OfAsync(string input, bool isTerminal, params string[] args) =>
        OfAsync(input, isTerminal, args, TestContext.Current.CancellationToken);

    private static async Task<CommandLineRun> OfAsync(string input, bool isTerminal, string[] args, CancellationToken cancellationToken)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(new Lazy<TextReader>(() => new StringReader(input)), output, error, isTerminal, isTerminal);
        var code = await GuardSharpCommand.RunAsync(args, terminal, cancellationToken);
        return new CommandLineRun(code, output.ToString(), error.ToString());
    }

    /// <summary>The same of guardsharp-lab.</summary>
    public static async Task<CommandLineRun> OfLabAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new lab::GuardSharp.CommandLine.Terminal(new Lazy<TextReader>(() => new StringReader("")), output, error, false, false);
        var code = await LabCommand.RunAsync(args, terminal, TestContext.Current.CancellationToken);
        return new CommandLineRun(code, output.ToString(), error.ToString());
    }

    /// <summary>Standard output as the one JSON document it must be.</summary>
    public JsonElement Json()
    {
        using var document = JsonDocument.Parse(Out);
        return document.RootElement.Clone();
    }

    /// <summary>That the command said in one line what is wrong, and did nothing.</summary>
    public void IsRefused(string saying)
    {
        Assert.Equal(2, Code);
        Assert.Equal("", Out);
        Assert.StartsWith("error: ", Error);
        Assert.Contains(saying, Error);
        Assert.DoesNotContain("unexpected error", Error);
        Assert.DoesNotContain("   at ", Error);
    }
}

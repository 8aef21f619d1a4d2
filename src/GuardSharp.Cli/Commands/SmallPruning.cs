using System.CommandLine;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Pruning;
using GuardSharp.CommandLine;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Cli.Commands;

/// <summary><c>prune --recipe small</c>: what matters least on calibration rows goes.</summary>
/// <param name="terminal">What is read and written.</param>
internal sealed class SmallPruning(Terminal terminal)
{
    private const long Megabyte = 1_000_000;
    private const int DefaultRows = 256;

    private readonly Option<int?> _layers = new("--layers") { Description = "Layers to keep, those of largest block importance. Default: all.", HelpName = "N" };
    private readonly Option<int?> _neurons = new("--mlp") { Description = "Neurons to keep of each feed-forward, those of largest mean norm. Default: all.", HelpName = "M" };
    private readonly Option<bool> _answers = new("--answer-tokens") { Description = "Keep the rows of the output layer that an answer can be made of (llama)." };
    private readonly Option<string?> _calibration = new("--calibration") { Description = "Rows of conversations like those to be judged, text alone; what matters is measured on them.", HelpName = "FILE.jsonl[.gz]" };
    private readonly Option<int?> _rows = new("--rows") { Description = $"Most rows of the file that are read. Default: {DefaultRows}.", HelpName = "N" };
    private readonly Option<int?> _threads = new("--threads") { Description = "Threads that measure. Default: all cores the process may use.", HelpName = "N" };

    /// <summary>Adds the options.</summary>
    public SmallPruning AddTo(Command command)
    {
        foreach (var option in (Option[])[_layers, _neurons, _answers, _calibration, _rows, _threads])
        {
            command.Add(option);
        }

        return this;
    }

    /// <summary>One of the options that was given; null: none.</summary>
    public string? IsMentioned(ParseResult parsed) =>
        Array.Find<Option>([_layers, _neurons, _answers, _calibration, _rows, _threads], option => parsed.GetResult(option) is { Implicit: false })?.Name;

    /// <summary>Measures, chooses and writes.</summary>
    /// <exception cref="GuardException">The arguments ask for nothing or for what is not there, or the model cannot be pruned.</exception>
    public async Task RunAsync(ParseResult parsed, string source, string output, bool json, CancellationToken cancellationToken)
    {
        var pruning = new DensePruning(source);
        var (layers, neurons, answers) = (Read(_layers, parsed, pruning.Layers), Read(_neurons, parsed, pruning.Neurons), parsed.GetValue(_answers));
        if (layers is null && neurons is null && !answers)
        {
            throw new GuardException("Say what is to go: --layers N, --mlp M or --answer-tokens.");
        }

        if (answers && !pruning.CanCutHead)
        {
            throw new GuardException("--answer-tokens needs a model of the llama architecture whose output layer is whole.");
        }

        var threads = Read(_threads, parsed, 1024) ?? 0;
        var conversations = layers is null && neurons is null ? [] : ReadConversations(parsed);
        var rows = await PruningImportance.EncodeAsync(source, conversations, new GuardOptions { Threads = threads }).ConfigureAwait(false);
        // On a thread of its own: Ctrl-C is listened to only when the command's lambda has returned.
        await Task.Run(
            () =>
            {
                var (plan, scores) = conversations.Length > 0
                    ? Measure(source, threads, rows, layers, neurons, cancellationToken)
                    : (new PruningPlan([.. Enumerable.Range(0, pruning.Layers)]), null);
                plan = plan with { OutputTokens = answers ? rows.AnswerTokens : null };
                using (var line = new ProgressLine(terminal, "MB", TimeProvider.System))
                {
                    pruning.Run(plan, scores, ManifestOf(source, answers, rows.Capabilities), output, (done, total) => line.Report(new RowProgress(done / Megabyte, total / Megabyte)), cancellationToken);
                }

                Report(output, pruning, plan, scores, json);
            },
            cancellationToken).ConfigureAwait(false);
    }

    private (PruningPlan Plan, PruningScores? Scores) Measure(string source, int threads, CalibrationRows rows, int? layers, int? neurons, CancellationToken cancellationToken)
    {
        using var line = new ProgressLine(terminal, "passes", TimeProvider.System);
        using var importance = new PruningImportance(source, threads);
        return importance.Run(rows.Ids, layers, neurons, (done, total) => line.Report(new RowProgress(done, total)), cancellationToken);
    }

    private Conversation[] ReadConversations(ParseResult parsed)
    {
        var file = parsed.GetValue(_calibration)
            ?? throw new GuardException("--layers and --mlp keep what matters on calibration rows. Name a file of them with --calibration FILE.jsonl.");
        Conversation[] conversations = [.. SampleReader.Read(file, labelled: false).Take(Read(_rows, parsed, int.MaxValue) ?? DefaultRows).Select(sample => sample.Conversation)];
        return conversations.Length > 0 ? conversations : throw new GuardException($"{file}: there is no conversation in it. Give rows of {{\"messages\": [...]}}.");
    }

    // A head that lost its rows has to be told by guardsharp.json, which a published checkpoint does not have.
    private static GuardManifest? ManifestOf(string source, bool answers, GuardCapabilities capabilities)
    {
        var own = GuardManifest.Read(source);
        return !answers ? own : (own ?? new GuardManifest
        {
            Name = ModelConfig.NameOf(source),
            Version = "1",
            Codes = capabilities.Codes,
            NarrowedPolicies = true,
            Threshold = capabilities.Threshold,
        }) with
        { CustomCategories = false, PromptVariant = capabilities.PromptVariant.ToString() };
    }

    private static int? Read(Option<int?> option, ParseResult parsed, int most) => parsed.GetValue(option) switch
    {
        null => null,
        var number when number >= 1 && number <= most => number,
        var number => throw new GuardException($"{option.Name} is {number}; it must be from 1 to {most}."),
    };

    private void Report(string folder, DensePruning pruning, PruningPlan plan, PruningScores? scores, bool json)
    {
        int[] removed = [.. Enumerable.Range(0, pruning.Layers).Except(plan.Layers)];
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("folder", Path.GetFullPath(folder));
                WriteNumbers(writer, "layers", plan.Layers);
                WriteNumbers(writer, "removedLayers", removed);
                writer.WriteNumber("neurons", plan.Neurons?[0].Length ?? pruning.Neurons);
                WriteNumbers(writer, "outputTokens", plan.OutputTokens);
                writer.WriteNumber("conversations", scores?.Conversations ?? 0);
                writer.WriteNumber("tokens", scores?.Tokens ?? 0);
            });
            return;
        }

        terminal.Error.WriteLine(
            $"{(removed.Length == 0 ? "all layers stay" : $"{removed.Length} of {pruning.Layers} layers removed ({string.Join(", ", removed)})")}, "
            + $"{plan.Neurons?[0].Length ?? pruning.Neurons} of {pruning.Neurons} neurons stay in each{(plan.OutputTokens is { } tokens ? $", {tokens.Length} tokens can be answered" : "")}");
        terminal.Out.WriteLine(Path.GetFullPath(folder));
    }

    private static void WriteNumbers(System.Text.Json.Utf8JsonWriter writer, string key, int[]? numbers)
    {
        if (numbers is null)
        {
            writer.WriteNull(key);
            return;
        }

        writer.WriteStartArray(key);
        foreach (var number in numbers)
        {
            writer.WriteNumberValue(number);
        }

        writer.WriteEndArray();
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Policies;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data label</c>: an instruct model says which rows are unsafe.</summary>
internal static class DataLabelCommand
{
    // Votes of one answer repeated would always agree.
    private const double VotingTemperature = 0.7;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("label", "Labels rows with an instruct model behind an OpenAI-compatible server. Goes on where it stopped; exit code 1 when rows are left without an answer.");
        var file = new Argument<string>("file") { Description = "Rows, labelled or not; labels that are there stay and are compared.", HelpName = "FILE" };
        var output = new Option<string>("--output") { Description = "The rows with their labels; grows row by row.", HelpName = "FILE.jsonl", Required = true };
        var votes = new Option<int>("--votes") { Description = "How often each row is asked about, 1 to 99; more than half decide.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var relabel = new Option<bool>("--relabel") { Description = "The model's label takes the place of one that is there." };
        var policy = new Option<string?>("--policy") { Description = "Policy file (JSON), best with descriptions. Default: S1 to S14 with a line each.", HelpName = "FILE" };
        var (limit, json) = (RemoteRows.Limit(), DataCommand.Json());
        command.Add(file);
        foreach (var option in (Option[])[output, votes, relabel, policy, limit, json])
        {
            command.Add(option);
        }

        var chat = new ChatModelOptions("0 with one vote, 0.7 with several", maxTokens: 128).AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var count = parsed.GetValue(votes) is >= 1 and <= 99 and var valid ? valid : throw new GuardException($"--votes is {parsed.GetValue(votes)}; it must be from 1 to 99.");
            var judged = parsed.GetValue(policy) is { } path ? Policy.ReadFile(path) : LabelPolicy.Described;
            var options = chat.Read(parsed, count > 1 ? VotingTemperature : 0);
            var rows = RemoteRows.Read(parsed.GetValue(file)!, RowRules.Of(judged, labelled: false), parsed.GetValue(limit));
            using var model = new ChatModel(options);
            var labeller = new Labeller(model, judged, count, parsed.GetValue(relabel));
            var report = await RemoteRows.RunAsync(
                terminal, parsed.GetValue(output)!, "rows", (progress, token) => labeller.RunAsync(rows, parsed.GetValue(output)!, options, progress, token), cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                WriteJson(terminal.Out, model.Name, report);
            }
            else
            {
                WriteText(terminal.Out, report);
            }

            return RemoteRows.Failures(terminal, report.Failed);
        });
        return command;
    }

    private static void WriteText(TextWriter output, LabelReport report)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Rows:N0} rows: {report.Labelled:N0} with a verdict, {report.NoVerdict:N0} answered without one, {report.Failed.Count:N0} failed ({report.Earlier:N0} from earlier runs)"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"votes: {report.UnparsedVotes:N0} neither safe nor unsafe, mean agreement {Number(report.MeanAgreement)}"));
        WriteText(output, "labels of people", report.People);
        WriteText(output, "derived labels", report.Derived);
    }

    private static void WriteText(TextWriter output, string what, LabelAgreement agreement)
    {
        if (agreement.Rows + agreement.NoVerdict == 0)
        {
            return;
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"against {what}, {agreement.Rows:N0} rows: kappa {Number(agreement.Kappa)}, same verdict {Number(agreement.Accuracy)}, {agreement.NoVerdict:N0} more without a verdict"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  labelled unsafe: model unsafe {agreement.BothUnsafe:N0}, safe {agreement.ModelSafeOnly:N0}; {agreement.SharedCategory:N0} of {agreement.WithCategories:N0} share a category"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  labelled safe:   model unsafe {agreement.ModelUnsafeOnly:N0}, safe {agreement.BothSafe:N0}"));
    }

    private static void WriteJson(TextWriter output, string model, LabelReport report) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("model", model);
        json.WriteNumber("rows", report.Rows);
        json.WriteNumber("earlier", report.Earlier);
        json.WriteNumber("labelled", report.Labelled);
        json.WriteNumber("noVerdict", report.NoVerdict);
        json.WriteNumber("failed", report.Failed.Count);
        json.WriteNumber("unparsedVotes", report.UnparsedVotes);
        Write(json, "meanAgreement", report.MeanAgreement);
        Write(json, "people", report.People);
        Write(json, "derived", report.Derived);
    });

    private static void Write(Utf8JsonWriter json, string name, LabelAgreement agreement)
    {
        json.WriteStartObject(name);
        json.WriteNumber("rows", agreement.Rows);
        Write(json, "kappa", agreement.Kappa);
        Write(json, "accuracy", agreement.Accuracy);
        json.WriteNumber("bothUnsafe", agreement.BothUnsafe);
        json.WriteNumber("modelSafeOnly", agreement.ModelSafeOnly);
        json.WriteNumber("modelUnsafeOnly", agreement.ModelUnsafeOnly);
        json.WriteNumber("bothSafe", agreement.BothSafe);
        json.WriteNumber("noVerdict", agreement.NoVerdict);
        json.WriteNumber("withCategories", agreement.WithCategories);
        json.WriteNumber("sharedCategory", agreement.SharedCategory);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, Math.Round(number, 4));
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static string Number(double? value) => value is { } number ? number.ToString("F3", CultureInfo.InvariantCulture) : "–";
}

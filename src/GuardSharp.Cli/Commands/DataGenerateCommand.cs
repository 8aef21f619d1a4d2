using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets.Remote;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data generate</c>: an instruct model answers prompts, plainly or asked to break its rules.</summary>
internal static class DataGenerateCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("generate", "Generates responses to prompts with an instruct model behind an OpenAI-compatible server; data label then labels them. Goes on where it stopped.");
        var file = new Argument<string>("file") { Description = "Rows whose last message is the user's.", HelpName = "FILE" };
        var output = new Option<string>("--output") { Description = "The responses, unlabelled, written_by the model; grows row by row.", HelpName = "FILE.jsonl", Required = true };
        var kinds = new Option<string>("--kinds") { Description = "benign (the prompt as it is), violating (an unsafe prompt inside a template that asks to break the rules; never S4), or both with a comma.", HelpName = "LIST", DefaultValueFactory = _ => "benign" };
        var templates = new Option<string?>("--templates") { Description = "Templates for violating responses: {\"templates\":[{\"name\",\"text\"}]}, {prompt} once in each text. Default: four mild ones.", HelpName = "FILE.json" };
        var count = new Option<int>("--per-prompt") { Description = "Responses of each kind to each prompt, 1 to 100.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var (policy, limit, json) = (DataCommand.PolicyFile(), RemoteRows.Limit(), DataCommand.Json());
        command.Add(file);
        foreach (var option in (Option[])[output, kinds, templates, count, policy, limit, json])
        {
            command.Add(option);
        }

        var chat = new ChatModelOptions("0.8", maxTokens: 512).AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var plan = Plan(parsed.GetValue(kinds)!, parsed.GetValue(templates), parsed.GetValue(count));
            var options = chat.Read(parsed, temperatureDefault: 0.8);
            var rows = RemoteRows.Read(parsed.GetValue(file)!, DataCommand.Rules(parsed.GetValue(policy), labelled: false), parsed.GetValue(limit));
            using var model = new ChatModel(options);
            var generator = new Generator(model, plan);
            var report = await RemoteRows.RunAsync(
                terminal, parsed.GetValue(output)!, "responses", (progress, token) => generator.RunAsync(rows, parsed.GetValue(output)!, options, progress, token), cancellationToken).ConfigureAwait(false);
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

    private static GenerationPlan Plan(string kinds, string? templates, int perPrompt)
    {
        string[] named = kinds.Split(',', StringSplitOptions.TrimEntries);
        if (named.Except(["benign", "violating"]).Any())
        {
            throw new GuardException($"--kinds is \"{kinds}\"; it must be benign, violating or benign,violating.");
        }

        if (perPrompt is not (>= 1 and <= 100))
        {
            throw new GuardException($"--per-prompt is {perPrompt}; it must be from 1 to 100.");
        }

        var violating = named.Contains("violating");
        return violating || templates is null
            ? new GenerationPlan(named.Contains("benign"), violating, perPrompt, templates is null ? TemplateFile.Shipped() : TemplateFile.Read(templates))
            : throw new GuardException("--templates is for violating responses. Add --kinds violating, or leave it out.");
    }

    private static void WriteText(TextWriter output, GenerationReport report)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Prompts:N0} prompts: {report.Responses:N0} responses ({report.Earlier:N0} from earlier runs), {report.Failed.Count:N0} failed"));
        foreach (var (reason, rows) in report.Skipped.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"not asked for, {reason}: {rows:N0}"));
        }
    }

    private static void WriteJson(TextWriter output, string model, GenerationReport report) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("model", model);
        json.WriteNumber("prompts", report.Prompts);
        json.WriteNumber("responses", report.Responses);
        json.WriteNumber("earlier", report.Earlier);
        json.WriteNumber("failed", report.Failed.Count);
        json.WriteStartObject("skipped");
        foreach (var (reason, rows) in report.Skipped.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteNumber(reason, rows);
        }

        json.WriteEndObject();
    });
}

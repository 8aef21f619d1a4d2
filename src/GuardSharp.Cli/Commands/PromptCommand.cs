using System.CommandLine;
using GuardSharp.Checkpoints;
using GuardSharp.CommandLine;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Cli.Commands;

/// <summary><c>prompt</c>: the prompt of a conversation as the model reads it. Loads no weights.</summary>
internal static class PromptCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("prompt", "Prints the prompt of a conversation: special tokens and images by their names, coloured at a terminal. --json tells them from text.");
        var conversation = new ConversationOptions().AddTo(command);
        var model = new ModelOptions().AddTo(command, judging: true);
        var json = new Option<bool>("--json") { Description = "Print one JSON document with the segments." };
        var verbatim = new Option<bool>("--verbatim") { Description = "Leave text that imitates the prompt's structure as it is (the published behaviour)." };
        var system = new Option<bool>("--include-system") { Description = "Put system messages into the prompt." };
        command.Add(json);
        command.Add(verbatim);
        command.Add(system);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var folder = model.Folder(parsed);
            var manifest = GuardManifest.Read(folder);
            var variant = PromptVariants.Of(folder, manifest, model.ReadVariant(parsed));
            var options = new PromptOptions
            {
                StructuralText = parsed.GetValue(verbatim) ? StructuralText.Verbatim : StructuralText.Neutralise,
                IncludeSystem = parsed.GetValue(system),
                ImageLimit = model.ReadImageLimit(parsed),
            };
            // Only what leaves images out needs the model's limit; a wording alone is shown without a model.
            var most = options.ImageLimit == ImageLimit.LastOnly ? manifest?.MaxImages ?? ModelFamily.Of(ModelConfig.Read(folder)).Images?.MaxImages : null;
            var turns = await conversation.ReadAsync(parsed, terminal, cancellationToken).ConfigureAwait(false);
            var prompt = PromptBuilder.Build(variant, turns, model.ReadPolicy(parsed) ?? Policy.MlCommons, options, most);
            if (parsed.GetValue(json))
            {
                WriteJson(terminal.Out, variant, prompt);
            }
            else
            {
                WriteText(terminal, prompt);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static void WriteText(Terminal terminal, RenderedPrompt prompt)
    {
        // Piped output is the prompt byte for byte, so that it can be compared with a published one.
        var (mark, plain) = terminal.OutIsTerminal ? ("\e[36m", "\e[0m") : ("", "");
        foreach (var segment in prompt.Segments)
        {
            terminal.Out.Write(segment switch
            {
                SpecialSegment special => $"{mark}{special.Name}{plain}",
                ImageSegment => $"{mark}<|image|>{plain}",
                TextSegment text => text.Text,
                _ => throw new InvalidOperationException($"Unknown segment {segment.GetType()}."),
            });
        }

        foreach (var warning in prompt.Warnings)
        {
            terminal.Error.WriteLine($"warning: {warning}");
        }

        if (terminal.OutIsTerminal)
        {
            terminal.Out.WriteLine();
        }
    }

    private static void WriteJson(TextWriter output, PromptVariant variant, RenderedPrompt prompt) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("variant", variant.ToString());
        json.WriteString("task", VerdictJson.TaskName(prompt.Task));
        json.WriteString("policy", prompt.Policy.Version);
        json.WriteStartArray("segments");
        foreach (var segment in prompt.Segments)
        {
            json.WriteStartObject();
            switch (segment)
            {
                case SpecialSegment special:
                    json.WriteString("special", special.Name);
                    break;
                case TextSegment text:
                    json.WriteString("text", text.Text);
                    break;
                case ImageSegment image:
                    json.WriteNumber("image", image.Index);
                    break;
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteTexts("warnings", prompt.Warnings);
    });
}

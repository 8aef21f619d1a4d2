using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Server;
using GuardSharp.Server.Security;
using Microsoft.Extensions.Configuration;

namespace GuardSharp.Cli.Commands;

/// <summary><c>serve</c>: the moderation server. Runs until Ctrl-C or SIGTERM, finishes what it has begun, and ends with 0.</summary>
internal static class ServeCommand
{
    /// <summary>Builds the command.</summary>
    /// <param name="terminal">What is read and written.</param>
    public static Command Create(Terminal terminal)
    {
        var command = new ServiceCommand("serve", "Runs the moderation server (docs/server.md). Ctrl-C or SIGTERM: it finishes what it has begun and ends with 0.");
        var model = new Option<string?>("--model") { Description = "The default model: a folder, a GGUF file, or OWNER/NAME of a downloaded one. Default: what the configuration says, else guardsharp-tiny.", HelpName = "DIR" };
        var adapter = ModelOptions.Adapter();
        var config = ServiceSetup.ConfigOption();
        var urls = new Option<string?>("--urls") { Description = $"Where to listen. Default: {ServerOptions.DefaultUrls}.", HelpName = "URL" };
        var audit = new Option<string?>("--audit") { Description = "Records every decision in this SQLite file, made where it does not exist (docs/audit.md).", HelpName = "FILE" };
        var set = ServiceSetup.SetOption();
        command.Add(model);
        command.Add(adapter);
        command.Add(config);
        command.Add(urls);
        command.Add(audit);
        command.Add(set);
        command.Add(KeyCommand(terminal));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var values = ServiceSetup.ReadValues(parsed.GetValue(set) ?? []);
            if (parsed.GetValue(urls) is { } url)
            {
                values[$"{ServerOptions.Section}:{nameof(ServerOptions.Urls)}"] = url;
            }

            if (parsed.GetValue(audit) is { } file)
            {
                values["GuardSharp:Audit:Path"] = Path.GetFullPath(file);
            }

            if (parsed.GetValue(model) is { } name)
            {
                values["GuardSharp:Models:default:Folder"] = ModelOptions.FolderOf(name);
                values["GuardSharp:Models:default:Default"] = "true";
            }

            if (parsed.GetValue(adapter) is { } added)
            {
                // Without --model it would be unclear which of the configured models it is for.
                values["GuardSharp:Models:default:Adapter"] = parsed.GetValue(model) is not null
                    ? Path.GetFullPath(added)
                    : throw new GuardException("--adapter goes with --model DIR. A model of the configuration names its own as GuardSharp:Models:NAME:Adapter.");
            }

            await ServeAsync(terminal, builder => ServiceSetup.Configure(builder, terminal, parsed.GetValue(config), values), cancellationToken).ConfigureAwait(false);
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task ServeAsync(Terminal terminal, Action<IConfigurationBuilder> configure, CancellationToken cancellationToken)
    {
        using var stop = new StopSignals(cancellationToken);
        var server = GuardServer.Create(configure, builder => ServiceSetup.Log(builder.Logging));
        await using (server.ConfigureAwait(false))
        {
            void Tell() => terminal.Error.WriteLine($"listening on {string.Join(", ", server.Addresses.Select(address => address.GetLeftPart(UriPartial.Authority)))}");
            await server.RunAsync(Tell, stop.Token).ConfigureAwait(false);
        }
    }

    private static Command KeyCommand(Terminal terminal)
    {
        var command = new Command("key", "Makes an API key: the key itself for the caller, and what goes into the server's configuration.");
        var name = new Argument<string>("name") { Description = "What the key is called in logs, metrics and decisions." };
        command.Add(name);
        command.SetAction(parsed =>
        {
            var key = ApiKeys.Create();
            JsonOutput.Write(terminal.Out, json =>
            {
                json.WriteString("key", key);
                json.WriteStartObject("configuration");
                json.WriteString($"GuardSharp:Keys:{parsed.GetValue(name)}:Sha256", ApiKeys.HashOf(key));
                json.WriteString($"GuardSharp:Keys:{parsed.GetValue(name)}:Rights", nameof(CallerRights.Classify));
                json.WriteEndObject();
            });
            terminal.Error.WriteLine("The key is shown once: give it to its caller. The configuration holds only its hash.");
            return ExitCode.Done;
        });
        return command;
    }
}

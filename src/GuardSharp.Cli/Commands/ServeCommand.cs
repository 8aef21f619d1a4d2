using System.CommandLine;
using System.Runtime.InteropServices;
using GuardSharp.CommandLine;
using GuardSharp.Server;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

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
        var config = new Option<string?>("--config") { Description = "Configuration (JSON), read again when it changes. Default: appsettings.json of this folder, if there is one. Environment variables such as GuardSharp__Urls go before it.", HelpName = "FILE" };
        var urls = new Option<string?>("--urls") { Description = $"Where to listen. Default: {ServerOptions.DefaultUrls}.", HelpName = "URL" };
        var audit = new Option<string?>("--audit") { Description = "Records every decision in this SQLite file, made where it does not exist (docs/audit.md).", HelpName = "FILE" };
        var set = new Option<string[]>("--set") { Description = "One value of configuration, such as GuardSharp:RequestTimeoutSeconds=5. Repeatable; goes before everything else.", HelpName = "KEY=VALUE", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };
        command.Add(model);
        command.Add(config);
        command.Add(urls);
        command.Add(audit);
        command.Add(set);
        command.Add(KeyCommand(terminal));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var values = ReadValues(parsed.GetValue(set) ?? []);
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

            await ServeAsync(terminal, builder => Configure(builder, terminal, parsed.GetValue(config), values), cancellationToken).ConfigureAwait(false);
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task ServeAsync(Terminal terminal, Action<IConfigurationBuilder> configure, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        void Stop(PosixSignalContext signal)
        {
            // The process ends when the work is done, not by the signal.
            signal.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var server = GuardServer.Create(configure, Log);
        await using (server.ConfigureAwait(false))
        {
            void Tell() => terminal.Error.WriteLine($"listening on {string.Join(", ", server.Addresses.Select(address => address.GetLeftPart(UriPartial.Authority)))}");
            await server.RunAsync(Tell, stop.Token).ConfigureAwait(false);
        }
    }

    private static void Configure(IConfigurationBuilder builder, Terminal terminal, string? file, Dictionary<string, string?> values)
    {
        if (file is not null && !File.Exists(file))
        {
            throw new GuardException($"There is no configuration file \"{file}\".");
        }

        var isLoaded = false;
        builder.AddJsonFile(source =>
        {
            source.Path = Path.GetFullPath(file ?? "appsettings.json");
            source.Optional = file is null;
            source.ReloadOnChange = true;
            source.OnLoadException = failed =>
            {
                // At the start the error itself ends the command.
                if (isLoaded)
                {
                    terminal.Error.WriteLine($"error: {failed.Exception.Message} {failed.Exception.InnerException?.Message}".TrimEnd());
                }
            };
            source.ResolveFileProvider();
        });
        isLoaded = true;
        builder.AddEnvironmentVariables();
        builder.AddInMemoryCollection(values);
    }

    // Results go to standard output, so everything that is said goes to standard error.
    private static void Log(WebApplicationBuilder builder)
    {
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static Dictionary<string, string?> ReadValues(IEnumerable<string> settings)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var setting in settings)
        {
            var equals = setting.IndexOf('=', StringComparison.Ordinal);
            values[equals > 0 ? setting[..equals] : throw new GuardException($"--set is \"{setting}\"; it must be KEY=VALUE, such as GuardSharp:RequestTimeoutSeconds=5.")] = setting[(equals + 1)..];
        }

        return values;
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

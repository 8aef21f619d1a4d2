using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Server.Bulk;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Cli.Commands;

/// <summary><c>worker</c>: judges the messages of a queue. Runs until Ctrl-C or SIGTERM, finishes what it has begun, and ends with 0.</summary>
internal static class WorkerCommand
{
    /// <summary>Builds the command.</summary>
    /// <param name="terminal">What is read and written.</param>
    public static Command Create(Terminal terminal)
    {
        var command = new ServiceCommand("worker", "Judges the messages of a RabbitMQ queue (docs/scaling.md). Ctrl-C or SIGTERM: it finishes what it has begun and ends with 0.");
        var queue = new Option<string?>("--queue") { Description = "The broker, amqp://user:password@host:port/vhost. A password is better kept in GuardSharp__Worker__Broker of the environment.", HelpName = "URL" };
        var results = new Option<string?>("--results") { Description = "Where results go: queue:NAME, exchange:NAME, sqlite:FILE or postgres:CONNECTION. Default: queue:guardsharp.results.", HelpName = "TARGET" };
        var model = new Option<string?>("--model") { Description = "The default model: a folder, a GGUF file, or OWNER/NAME of a downloaded one. Default: what the configuration says, else guardsharp-tiny.", HelpName = "DIR" };
        var (config, set) = (ServiceSetup.ConfigOption(), ServiceSetup.SetOption());
        command.Add(queue);
        command.Add(results);
        command.Add(model);
        command.Add(config);
        command.Add(set);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var values = ServiceSetup.ReadValues(parsed.GetValue(set) ?? []);
            if (parsed.GetValue(queue) is { } broker)
            {
                values[$"{WorkerOptions.Section}:{nameof(WorkerOptions.Broker)}"] = broker;
            }

            if (parsed.GetValue(results) is { } target)
            {
                values[$"{WorkerOptions.Section}:{nameof(WorkerOptions.Results)}"] = target;
            }

            if (parsed.GetValue(model) is { } name)
            {
                values["GuardSharp:Models:default:Folder"] = ModelOptions.FolderOf(name);
                values["GuardSharp:Models:default:Default"] = "true";
            }

            using var configuration = new ConfigurationManager();
            ServiceSetup.Configure(configuration, terminal, parsed.GetValue(config), values);
            using var logs = LoggerFactory.Create(logging =>
            {
                logging.AddConfiguration(configuration.GetSection("Logging"));
                ServiceSetup.Log(logging);
            });
            using var stop = new StopSignals(cancellationToken);
            await new BulkWorker(configuration, logs).RunAsync(() => terminal.Error.WriteLine("taking messages"), stop.Token).ConfigureAwait(false);
            return ExitCode.Done;
        });
        return command;
    }
}

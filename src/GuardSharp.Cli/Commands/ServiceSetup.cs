using System.CommandLine;
using GuardSharp.CommandLine;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace GuardSharp.Cli.Commands;

/// <summary>What the commands that run until they are stopped have in common: configuration and log.</summary>
internal static class ServiceSetup
{
    /// <summary>The option that names the configuration's file.</summary>
    public static Option<string?> ConfigOption() => new("--config")
    {
        Description = "Configuration (JSON), read again when it changes. Default: appsettings.json of this folder, if there is one. Environment variables such as GuardSharp__Urls go before it.",
        HelpName = "FILE",
    };

    /// <summary>The option that sets one value.</summary>
    public static Option<string[]> SetOption() => new("--set")
    {
        Description = "One value of configuration, such as GuardSharp:RequestTimeoutSeconds=5. Repeatable; goes before everything else.",
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    /// <summary>Adds the sources: file, environment, then the command line's own values.</summary>
    /// <exception cref="GuardException">The file that was named is missing.</exception>
    public static void Configure(IConfigurationBuilder builder, Terminal terminal, string? file, Dictionary<string, string?> values)
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

    /// <summary>Logs to standard error: results go to standard output.</summary>
    public static void Log(ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    /// <summary>The values of <see cref="SetOption"/>.</summary>
    /// <exception cref="GuardException">One is no KEY=VALUE.</exception>
    public static Dictionary<string, string?> ReadValues(IEnumerable<string> settings)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var setting in settings)
        {
            var equals = setting.IndexOf('=', StringComparison.Ordinal);
            values[equals > 0 ? setting[..equals] : throw new GuardException($"--set is \"{setting}\"; it must be KEY=VALUE, such as GuardSharp:RequestTimeoutSeconds=5.")] = setting[(equals + 1)..];
        }

        return values;
    }
}

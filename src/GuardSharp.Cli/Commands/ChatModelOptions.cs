using System.CommandLine;
using System.Globalization;
using GuardSharp.Evaluation.Datasets.Remote;

namespace GuardSharp.Cli.Commands;

/// <summary>The options that say which instruct model is asked, and how hard.</summary>
/// <param name="temperature">Default temperature, in words where it depends.</param>
/// <param name="maxTokens">Default of the longest answer.</param>
/// <param name="prefix">Before every name, such as <c>generator-</c>.</param>
internal sealed class ChatModelOptions(string temperature, int maxTokens, string prefix = "")
{
    /// <summary>Where the key of a server is looked for.</summary>
    public const string KeyVariable = "OPENAI_API_KEY";

    private readonly Option<string> _address = new($"--{prefix}base-url") { Description = "Address of an OpenAI-compatible server, with or without /v1.", HelpName = "URL", Required = true };
    private readonly Option<string> _model = new($"--{prefix}model") { Description = "The model's name on the server.", HelpName = "NAME", Required = true };
    private readonly Option<string?> _key = new($"--{prefix}api-key-env") { Description = $"Environment variable that holds the key. Default: {KeyVariable}, if it is set.", HelpName = "NAME" };
    private readonly Option<string?> _temperature = new($"--{prefix}temperature") { Description = $"Sampling temperature, 0 to 2. Default: {temperature}.", HelpName = "T" };
    private readonly Option<int> _maxTokens = new($"--{prefix}max-tokens") { Description = "Most tokens of an answer.", HelpName = "N", DefaultValueFactory = _ => maxTokens };
    private readonly Option<int> _concurrency = new($"--{prefix}concurrency") { Description = "Requests under way at the same time, 1 to 256.", HelpName = "N", DefaultValueFactory = _ => 4 };
    private readonly Option<string> _rate = new($"--{prefix}requests-per-minute") { Description = "Most requests begun in a minute; 0: no limit.", HelpName = "N", DefaultValueFactory = _ => "0" };
    private readonly Option<string> _timeout = new($"--{prefix}timeout") { Description = "Seconds one attempt may take.", HelpName = "S", DefaultValueFactory = _ => "120" };
    private readonly Option<int> _retries = new($"--{prefix}retries") { Description = "Further attempts after a failure that may pass, 0 to 10; a server's Retry-After is honoured.", HelpName = "N", DefaultValueFactory = _ => 5 };
    private readonly Option<int> _seed = new($"--{prefix}seed") { Description = "Seed sent with the requests.", HelpName = "N", DefaultValueFactory = _ => 1 };

    /// <summary>Adds the options to a command.</summary>
    public ChatModelOptions AddTo(Command command)
    {
        foreach (var option in (Option[])[_address, _model, _key, _temperature, _maxTokens, _concurrency, _rate, _timeout, _retries, _seed])
        {
            command.Add(option);
        }

        return this;
    }

    /// <summary>What was chosen.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="temperatureDefault">The temperature where none is named.</param>
    /// <exception cref="GuardException">A value is out of range, or the key's variable is not set.</exception>
    public ChatOptions Read(ParseResult parsed, double temperatureDefault) => new()
    {
        Endpoint = Address(_address.Name, parsed.GetValue(_address)),
        Model = parsed.GetValue(_model)!,
        ApiKey = Key(_key.Name, parsed.GetValue(_key)),
        Temperature = parsed.GetValue(_temperature) is { } text ? Number(_temperature.Name, text) : temperatureDefault,
        MaxTokens = parsed.GetValue(_maxTokens),
        Concurrency = parsed.GetValue(_concurrency),
        RequestsPerMinute = Number(_rate.Name, parsed.GetValue(_rate)!),
        TimeoutSeconds = Number(_timeout.Name, parsed.GetValue(_timeout)!),
        Retries = parsed.GetValue(_retries),
        Seed = parsed.GetValue(_seed),
    };

    /// <summary>The address of a server.</summary>
    /// <exception cref="GuardException">It is none.</exception>
    public static Uri Address(string option, string? text) => Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
        ? address!
        : throw new GuardException($"{option} must be an http or https address, such as http://localhost:8000/v1.");

    /// <summary>The key that an environment variable holds; null: there is none.</summary>
    /// <exception cref="GuardException">The variable that was named is not set.</exception>
    public static string? Key(string option, string? variable) => Environment.GetEnvironmentVariable(variable ?? KeyVariable) switch
    {
        { Length: > 0 } key => key.Trim(),
        _ when variable is null => null,
        _ => throw new GuardException($"{option} names {variable}, which is not set. Set it to the key, or leave the option out for a server without one."),
    };

    /// <summary>A finite number.</summary>
    /// <exception cref="GuardException">It is none.</exception>
    public static double Number(string option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : throw new GuardException($"{option} is \"{text}\"; it must be a number.");
}

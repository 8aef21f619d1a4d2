using System.CommandLine;
using System.Globalization;
using GuardSharp.Evaluation.Datasets.Remote;

namespace GuardSharp.Cli.Commands;

/// <summary>The options that say which instruct model is asked, and how hard.</summary>
/// <param name="temperature">Default temperature, in words where it depends.</param>
/// <param name="maxTokens">Default of the longest answer.</param>
internal sealed class ChatModelOptions(string temperature, int maxTokens)
{
    private const string KeyVariable = "OPENAI_API_KEY";

    private readonly Option<string> _address = new("--base-url") { Description = "Address of an OpenAI-compatible server, with or without /v1.", HelpName = "URL", Required = true };
    private readonly Option<string> _model = new("--model") { Description = "The model's name on the server.", HelpName = "NAME", Required = true };
    private readonly Option<string?> _key = new("--api-key-env") { Description = $"Environment variable that holds the key. Default: {KeyVariable}, if it is set.", HelpName = "NAME" };
    private readonly Option<string?> _temperature = new("--temperature") { Description = $"Sampling temperature, 0 to 2. Default: {temperature}.", HelpName = "T" };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Most tokens of an answer.", HelpName = "N", DefaultValueFactory = _ => maxTokens };
    private readonly Option<int> _concurrency = new("--concurrency") { Description = "Requests under way at the same time, 1 to 256.", HelpName = "N", DefaultValueFactory = _ => 4 };
    private readonly Option<string> _rate = new("--requests-per-minute") { Description = "Most requests begun in a minute; 0: no limit.", HelpName = "N", DefaultValueFactory = _ => "0" };
    private readonly Option<string> _timeout = new("--timeout") { Description = "Seconds one attempt may take.", HelpName = "S", DefaultValueFactory = _ => "120" };
    private readonly Option<int> _retries = new("--retries") { Description = "Further attempts after a failure that may pass, 0 to 10; a server's Retry-After is honoured.", HelpName = "N", DefaultValueFactory = _ => 5 };
    private readonly Option<int> _seed = new("--seed") { Description = "Seed sent with the requests.", HelpName = "N", DefaultValueFactory = _ => 1 };

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
        Endpoint = Uri.TryCreate(parsed.GetValue(_address), UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address!
            : throw new GuardException("--base-url must be an http or https address, such as http://localhost:8000/v1."),
        Model = parsed.GetValue(_model)!,
        ApiKey = Key(parsed.GetValue(_key)),
        Temperature = parsed.GetValue(_temperature) is { } text ? Number("--temperature", text) : temperatureDefault,
        MaxTokens = parsed.GetValue(_maxTokens),
        Concurrency = parsed.GetValue(_concurrency),
        RequestsPerMinute = Number("--requests-per-minute", parsed.GetValue(_rate)!),
        TimeoutSeconds = Number("--timeout", parsed.GetValue(_timeout)!),
        Retries = parsed.GetValue(_retries),
        Seed = parsed.GetValue(_seed),
    };

    private static string? Key(string? variable) => Environment.GetEnvironmentVariable(variable ?? KeyVariable) switch
    {
        { Length: > 0 } key => key.Trim(),
        _ when variable is null => null,
        _ => throw new GuardException($"--api-key-env names {variable}, which is not set. Set it to the key, or leave the option out for a server without one."),
    };

    private static double Number(string option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : throw new GuardException($"{option} is \"{text}\"; it must be a number.");
}

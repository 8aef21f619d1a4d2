using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Evaluation.Guards;
using GuardSharp.Prompts;
using GuardSharp.Remote;

namespace GuardSharp.Cli.Commands;

/// <summary>The options that put another guard in the place of a local model: a server's, of whatever kind.</summary>
/// <param name="prefix">Before every name, such as <c>judge-</c>; with one, a local folder is among the options.</param>
internal sealed class GuardSource(string prefix = "")
{
    private readonly Option<string?> _local = new($"--{prefix}model") { Description = "Folder of a local model.", HelpName = "DIR" };
    private readonly Option<string?> _chat = new($"--{prefix}chat-model") { Description = $"An instruct model asked without examples under the MLCommons policy (needs --{prefix}base-url).", HelpName = "NAME" };
    private readonly Option<string?> _remote = new($"--{prefix}remote-guard") { Description = $"A Llama Guard behind an OpenAI-compatible server, by its name there (needs --{prefix}base-url).", HelpName = "NAME" };
    private readonly Option<string?> _variant = new($"--{prefix}remote-variant") { Description = "The wording that the remote Llama Guard was trained with (docs/prompts.md). Default: huggingface.", HelpName = "NAME" };
    private readonly Option<string?> _address = new($"--{prefix}base-url") { Description = "Address of the server, with or without /v1.", HelpName = "URL" };
    private readonly Option<string?> _moderations = new($"--{prefix}moderations") { Description = "A server of POST /v1/moderations, OpenAI's form.", HelpName = "URL" };
    private readonly Option<string?> _server = new($"--{prefix}server") { Description = "A GuardSharp server, by its own endpoint.", HelpName = "URL" };
    private readonly Option<string?> _served = new($"--{prefix}served-model") { Description = $"The model's name for --{prefix}moderations and --{prefix}server. Default: the server's.", HelpName = "NAME" };
    private readonly Option<string?> _key = new($"--{prefix}api-key-env") { Description = $"Environment variable that holds the server's key. Default: {ChatModelOptions.KeyVariable}, if it is set.", HelpName = "NAME" };
    private readonly Option<int> _top = new($"--{prefix}top-logprobs") { Description = "Probabilities asked for at each token, 0 to 20; 0 for servers that refuse.", HelpName = "N", DefaultValueFactory = _ => 20 };
    private readonly Option<int> _concurrency = new($"--{prefix}concurrency") { Description = "Requests under way at the same time, 1 to 256.", HelpName = "N", DefaultValueFactory = _ => 8 };
    private readonly Option<string> _rate = new($"--{prefix}requests-per-minute") { Description = "Most requests begun in a minute; 0: no limit.", HelpName = "N", DefaultValueFactory = _ => "0" };
    private readonly Option<string> _timeout = new($"--{prefix}timeout") { Description = "Seconds one attempt may take.", HelpName = "S", DefaultValueFactory = _ => "120" };
    private readonly Option<int> _retries = new($"--{prefix}retries") { Description = "Further attempts after a failure that may pass, 0 to 10; a server's Retry-After is honoured.", HelpName = "N", DefaultValueFactory = _ => 5 };

    /// <summary>Adds the options to a command.</summary>
    public GuardSource AddTo(Command command)
    {
        foreach (var option in (Option[])[.. prefix.Length > 0 ? [_local] : Array.Empty<Option>(), _chat, _remote, _variant, _address, _moderations, _server, _served, _key, _top, _concurrency, _rate, _timeout, _retries])
        {
            command.Add(option);
        }

        return this;
    }

    /// <summary>Whether any guard is named here.</summary>
    public bool IsNamed(ParseResult parsed) => Named(parsed).Count > 0;

    /// <summary>The guard that was named, else the local one.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="local">Loads the local model; null: one must be named.</param>
    /// <exception cref="GuardException">Two are named, or an option is out of range.</exception>
    public IGuard Open(ParseResult parsed, Func<IGuard>? local) => Named(parsed) switch
    {
        [] => local?.Invoke() ?? throw new GuardException($"Name a guard with one of {Names()}."),
        [var name] => Open(parsed, name),
        var several => throw new GuardException($"Give one of {string.Join(" and ", several)}."),
    };

    private IGuard Open(ParseResult parsed, string name)
    {
        if (name == _local.Name)
        {
            return GuardClassifier.Load(ModelOptions.FolderOf(parsed.GetValue(_local)), new GuardOptions());
        }

        if (name == _moderations.Name)
        {
            return new ModerationsGuard(Options(parsed, _moderations, parsed.GetValue(_served) ?? ForeignJson.NoModel));
        }

        if (name == _server.Name)
        {
            return new ServerGuard(Options(parsed, _server, parsed.GetValue(_served) ?? ForeignJson.NoModel));
        }

        return name == _chat.Name
            ? new ZeroShotGuard(Options(parsed, _address, parsed.GetValue(_chat)!), parsed.GetValue(_top))
            : Remote(parsed, Options(parsed, _address, parsed.GetValue(_remote)!));
    }

    private RemoteGuard Remote(ParseResult parsed, ChatOptions options)
    {
        options.Check();
        return new RemoteGuard(new RemoteGuardOptions
        {
            Endpoint = options.Endpoint,
            ApiKey = options.ApiKey,
            Model = options.Model,
            PromptVariant = ModelOptions.Variant(_variant.Name, parsed.GetValue(_variant)) ?? PromptVariant.HuggingFace,
            MaxImages = 16,
            TopLogprobs = parsed.GetValue(_top),
            TimeoutSeconds = Math.Min(3600, (options.TimeoutSeconds * (options.Retries + 1)) + (60 * options.Retries)),
            AttemptTimeoutSeconds = options.TimeoutSeconds,
            Retries = options.Retries,
            MaxConcurrency = options.Concurrency,
        });
    }

    private ChatOptions Options(ParseResult parsed, Option<string?> address, string model) => new()
    {
        Endpoint = ChatModelOptions.Address(address.Name, parsed.GetValue(address)),
        Model = model,
        ApiKey = ChatModelOptions.Key(_key.Name, parsed.GetValue(_key)),
        Concurrency = parsed.GetValue(_concurrency),
        RequestsPerMinute = ChatModelOptions.Number(_rate.Name, parsed.GetValue(_rate)!),
        TimeoutSeconds = ChatModelOptions.Number(_timeout.Name, parsed.GetValue(_timeout)!),
        Retries = parsed.GetValue(_retries),
    };

    private List<string> Named(ParseResult parsed) =>
        [.. ((Option<string?>[])[.. prefix.Length > 0 ? [_local] : Array.Empty<Option<string?>>(), _chat, _remote, _moderations, _server]).Where(option => parsed.GetValue(option) is not null).Select(option => option.Name)];

    private string Names() => string.Join(", ", _local.Name, _chat.Name, _remote.Name, _moderations.Name, _server.Name);
}

using GuardSharp.Defences;
using GuardSharp.Prompts;
using GuardSharp.Remote;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Guards;

/// <summary>Where the server's guards come from.</summary>
internal interface IGuardLoader
{
    /// <summary>Loads all of them, the default first. Takes as long as it takes; the caller owns them.</summary>
    /// <exception cref="GuardException">One cannot be loaded; none is left behind.</exception>
    IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken);
}

/// <summary>Loads the models of configuration, or guardsharp-tiny where there are none.</summary>
internal sealed class GuardLoader(IConfiguration configuration, IOptions<ServerOptions> server, TimeProvider time) : IGuardLoader
{
    /// <summary>The section that names the models.</summary>
    public const string Section = ServerOptions.Section + ":Models";

    private const string TinyName = "guardsharp-tiny";

    /// <inheritdoc/>
    public IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken)
    {
        var guards = new List<NamedGuard>();
        try
        {
            foreach (var (name, options) in Read(configuration))
            {
                cancellationToken.ThrowIfCancellationRequested();
                guards.Add(new NamedGuard(name, Open(name, options)) { Threshold = options.Threshold, Policy = options.Policy, Loaded = time.GetUtcNow() });
            }

            return guards;
        }
        catch
        {
            // Loading is synchronous; disposing a guard joins its thread and awaits nothing, so this cannot deadlock.
            guards.ForEach(guard => guard.Guard.DisposeAsync().AsTask().GetAwaiter().GetResult());
            throw;
        }
    }

    /// <summary>The models of configuration, the default first.</summary>
    /// <exception cref="GuardException">A model's section cannot be understood.</exception>
    internal static IReadOnlyList<(string Name, GuardModelOptions Options)> Read(IConfiguration configuration)
    {
        var models = configuration.ReadEach<GuardModelOptions>(Section);
        foreach (var (name, options) in models)
        {
            Check(name, options);
            // A binder fills in the first variant in silence, and verdicts of a prompt in the wrong words would be quietly worse.
            if (options.Remote is not null && configuration[$"{Section}:{name}:Remote:{nameof(RemoteGuardOptions.PromptVariant)}"] is null)
            {
                throw new GuardException($"{Section}:{name}:Remote names no PromptVariant. Say which prompt the server's model was trained with: {string.Join(", ", Enum.GetNames<PromptVariant>())}.");
            }
        }

        if (models.Count(model => model.Value.Default) > 1)
        {
            throw new GuardException($"{Section}: {string.Join(", ", models.Where(model => model.Value.Default).Select(model => model.Key))} are all the default. Set Default for one model.");
        }

        return models.Count == 0
            ? [(TinyName, new GuardModelOptions())]
            : [.. models.OrderByDescending(model => model.Value.Default).ThenBy(model => model.Key, StringComparer.Ordinal).Select(model => (model.Key, model.Value))];
    }

    private static void Check(string name, GuardModelOptions options)
    {
        if (options.Threshold is { } threshold && threshold is not (>= 0 and <= 1))
        {
            throw new GuardException($"{Section}:{name}:Threshold is {threshold}; it must be a number from 0 to 1.");
        }

        if (options is { Remote: not null, CategoryThresholds: not null })
        {
            throw new GuardException($"{Section}:{name} has Remote and CategoryThresholds. Put the thresholds of single categories into a policy, and name it as the model's Policy.");
        }

        if (options.Remote is not null && (options.Folder ?? options.VisionFolder) is not null)
        {
            throw new GuardException($"{Section}:{name} has Remote and a folder. A model runs in one place: leave one of them out.");
        }

        if (options.Adapter is not null && (options.Remote is not null || options.VisionFolder is not null))
        {
            throw new GuardException($"{Section}:{name} has Adapter beside {(options.Remote is not null ? "Remote" : "VisionFolder")}. An adapter is for one model of this process: merge it (guardsharp model merge), or leave one of them out.");
        }

        if (options.Threads is not (>= 0 and <= 1024))
        {
            throw new GuardException($"{Section}:{name}:Threads is {options.Threads}; it must be from 1 to 1024, or 0 for all cores.");
        }
    }

    private IGuard Open(string name, GuardModelOptions options)
    {
        var defences = DefencesOf(name, options);
        var guard = OpenAlone(name, options);
        return defences.Count == 0 ? guard : new DefendedGuard(guard, defences);
    }

    private static List<IDefence> DefencesOf(string name, GuardModelOptions options)
    {
        try
        {
            return [.. (options.Defences ?? []).Select(KnownDefences.Parse)];
        }
        catch (GuardException error)
        {
            throw new GuardException($"{Section}:{name}:{nameof(GuardModelOptions.Defences)}: {error.Message}", error);
        }
    }

    private IGuard OpenAlone(string name, GuardModelOptions options)
    {
        var guard = options.ToGuardOptions(server.Value.RequestTimeoutSeconds);
        try
        {
            return options.Remote is { } remote ? new RemoteGuard(remote)
                : options.VisionFolder is { } vision
                ? GuardSet.Load(options.Folder ?? GuardClassifier.DefaultModelFolder, vision, guard)
                : GuardClassifier.Load(options.Folder, guard);
        }
        catch (ArgumentException error)
        {
            throw new GuardException($"{Section}:{name}: {error.Message}", error);
        }
    }
}

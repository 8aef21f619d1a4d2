using GuardSharp.Policies;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace GuardSharp.Server.Hosting;

/// <summary>Follows changes of policies and keys while the server runs. What cannot be used is logged, and what was there before stays.</summary>
internal sealed partial class LiveConfiguration(IConfiguration configuration, PolicyRegistry policies, ApiKeys keys, ILogger<LiveConfiguration> log) : IDisposable
{
    private readonly Dictionary<string, PhysicalFileProvider> _folders = new(StringComparer.Ordinal);
    private readonly Lock _reading = new();
    private IDisposable? _changes;

    /// <summary>Reads for the first time, and from now on after every change.</summary>
    /// <exception cref="GuardException">A policy or a key cannot be used.</exception>
    public void Begin()
    {
        Read();
        _changes = ChangeToken.OnChange(Changes, Reload);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _changes?.Dispose();
        foreach (var folder in _folders.Values)
        {
            folder.Dispose();
        }
    }

    private void Read()
    {
        var policiesNow = PolicySections.Read(configuration);
        var keysNow = configuration.ReadEach<KeyOptions>(ServerOptions.Section + ":Keys");
        CheckNames(policiesNow);
        // A file that could not be read leaves nothing behind: no keys at all would open the server to everybody.
        if ((!keys.IsEmpty && keysNow.Count == 0) || (policies.All.Count > 0 && policiesNow.Count == 0))
        {
            throw new GuardException("All keys or all policies are gone from configuration. Restart the server if that is meant.");
        }

        keys.Replace(keysNow);
        policies.Replace(policiesNow);
    }

    private void CheckNames(IReadOnlyDictionary<string, Policy> known)
    {
        foreach (var (name, model) in GuardLoader.Read(configuration))
        {
            if (model.Policy is { } policy && !known.ContainsKey(policy))
            {
                throw new GuardException($"{GuardLoader.Section}:{name}:Policy is \"{policy}\", but {PolicySections.Section} has no such policy.");
            }
        }
    }

    private void Reload()
    {
        lock (_reading)
        {
            try
            {
                Read();
                Reloaded(log, string.Join(", ", policies.All.Values.Select(policy => policy.Version)));
            }
            catch (Exception error) when (error is GuardException or IOException or UnauthorizedAccessException or InvalidDataException)
            {
                Kept(log, error.Message);
            }
        }
    }

    private CompositeChangeToken Changes()
    {
        lock (_reading)
        {
            return new CompositeChangeToken([configuration.GetReloadToken(), .. PolicySections.Files(configuration).Where(File.Exists).Select(Watch)]);
        }
    }

    private IChangeToken Watch(string path)
    {
        var file = new FileInfo(path);
        if (!_folders.TryGetValue(file.DirectoryName!, out var folder))
        {
            _folders.Add(file.DirectoryName!, folder = new PhysicalFileProvider(file.DirectoryName!));
        }

        return folder.Watch(file.Name);
    }

    [LoggerMessage(LogLevel.Information, "Configuration was read again. Policies: {Versions}.")]
    private static partial void Reloaded(ILogger log, string versions);

    [LoggerMessage(LogLevel.Error, "Configuration changed but cannot be used, policies and keys stay as they were: {Reason}")]
    private static partial void Kept(ILogger log, string reason);
}

using GuardSharp.Policies;

namespace GuardSharp.Server.Judging;

/// <summary>The policies of configuration by their names. Replaced as a whole when configuration changes.</summary>
/// <remarks>Safe from any thread: a request that has its policy keeps it.</remarks>
internal sealed class PolicyRegistry(IReadOnlyDictionary<string, Policy> policies)
{
    private volatile IReadOnlyDictionary<string, Policy> _policies = policies;

    /// <summary>All policies by name.</summary>
    public IReadOnlyDictionary<string, Policy> All => _policies;

    /// <summary>The policy of a name, or null.</summary>
    public Policy? Find(string name) => _policies.GetValueOrDefault(name);

    /// <summary>Puts others in the place of all; requests under way keep theirs.</summary>
    public void Replace(IReadOnlyDictionary<string, Policy> policies) => _policies = policies;
}

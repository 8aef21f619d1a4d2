using System.Security.Cryptography;
using System.Text;
using System.Threading.RateLimiting;

namespace GuardSharp.Server.Security;

/// <summary>A key, as the server knows it: by its hash.</summary>
/// <param name="Options">What configuration says.</param>
/// <param name="Hash">SHA-256.</param>
/// <param name="Caller">Whose key it is.</param>
/// <param name="Limiter">Its rate limit; null: none.</param>
internal sealed record ApiKey(KeyOptions Options, byte[] Hash, Caller Caller, RateLimiter? Limiter);

/// <summary>The keys that may call. Replaced as a whole when configuration changes.</summary>
/// <remarks>Safe from any thread. Keys are random numbers of 256 bits, so a plain hash of them cannot be searched.</remarks>
internal sealed class ApiKeys : IDisposable
{
    private const int MaxKeyLength = 512;

    private volatile ApiKey[] _keys = [];

    /// <summary>Whether there are none: everybody on this machine may call.</summary>
    public bool IsEmpty => _keys.Length == 0;

    /// <summary>A new key: <c>gsk-</c> and 256 random bits.</summary>
    public static string Create() => "gsk-" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    /// <summary>What configuration holds in a key's place.</summary>
    public static string HashOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>The key that was sent, or null. Takes as long for a key that is nearly right as for one that is not.</summary>
    public ApiKey? Find(string sent)
    {
        if (sent.Length > MaxKeyLength)
        {
            return null;
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(sent));
        ApiKey? found = null;
        foreach (var key in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, key.Hash))
            {
                found = key;
            }
        }

        return found;
    }

    /// <summary>Puts others in the place of all. A key that stays as it was keeps what is left of its rate.</summary>
    /// <exception cref="GuardException">A key cannot be used; the ones before stay.</exception>
    public void Replace(IReadOnlyDictionary<string, KeyOptions> options)
    {
        var before = _keys;
        foreach (var (name, key) in options)
        {
            Check(name, key);
        }

        if (options.GroupBy(entry => entry.Value.Sha256, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new GuardException($"GuardSharp:Keys: {string.Join(" and ", twice.Select(entry => entry.Key))} are the same key. Give each caller a key of its own: guardsharp serve key NAME.");
        }

        _keys = [.. options.Select(entry => Array.Find(before, key => key.Caller.Name == entry.Key && key.Options == entry.Value) ?? Create(entry.Key, entry.Value))];
        foreach (var key in before.Except(_keys, ReferenceEqualityComparer.Instance).Cast<ApiKey>())
        {
            key.Limiter?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var key in _keys)
        {
            key.Limiter?.Dispose();
        }
    }

    private static ApiKey Create(string name, KeyOptions options)
    {
        var rights = Enum.Parse<CallerRights>(options.Rights, ignoreCase: true) | (options.AllowReadyPrompts ? CallerRights.ReadyPrompts : CallerRights.None);
        return new ApiKey(options, Convert.FromHexString(options.Sha256!), new Caller(name, rights), options.RequestsPerMinute == 0 ? null : LimiterOf(options));
    }

    private static TokenBucketRateLimiter LimiterOf(KeyOptions options)
    {
        // A whole number of requests in each period: a minute's worth in steps of at least a tenth of a second.
        var period = TimeSpan.FromSeconds(Math.Max(0.1, 60.0 / options.RequestsPerMinute));
        var step = Math.Max(1, (int)Math.Round(options.RequestsPerMinute * period.TotalSeconds / 60));
        return new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokenLimit = Math.Max(step, options.Burst > 0 ? options.Burst : options.RequestsPerMinute / 6),
            TokensPerPeriod = step,
            ReplenishmentPeriod = period,
            QueueLimit = 0,
            AutoReplenishment = true,
        });
    }

    private static void Check(string name, KeyOptions key)
    {
        if (key.Sha256 is not { Length: 64 } hash || !hash.All(char.IsAsciiHexDigit))
        {
            throw new GuardException($"GuardSharp:Keys:{name}:Sha256 must be the SHA-256 of the key, 64 hexadecimal digits. Make one with: guardsharp serve key {name}");
        }

        if (!Enum.TryParse<CallerRights>(key.Rights, ignoreCase: true, out var rights) || key.Rights.Any(char.IsAsciiDigit) || rights == CallerRights.None)
        {
            throw new GuardException($"GuardSharp:Keys:{name}:Rights is \"{key.Rights}\"; it must be one or more of {string.Join(", ", Enum.GetNames<CallerRights>().Skip(1))}, separated by commas.");
        }

        if (key.RequestsPerMinute is not (>= 0 and <= 1_000_000) || key.Burst is not (>= 0 and <= 1_000_000))
        {
            throw new GuardException($"GuardSharp:Keys:{name}: RequestsPerMinute and Burst must be from 0 to 1,000,000.");
        }
    }
}

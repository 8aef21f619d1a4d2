using System.Globalization;

namespace GuardSharp.Server.Images;

/// <summary>One entry of the list of hosts that images may be fetched from.</summary>
/// <param name="Name">The host in lower case; of a wildcard, what must follow its first label, with the dot before it.</param>
/// <param name="Wildcard">Whether subdomains are meant.</param>
/// <param name="Port">The only port; null: 443 for https and 80 for http.</param>
internal sealed record AllowedHost(string Name, bool Wildcard, int? Port)
{
    /// <summary>Reads an entry.</summary>
    /// <exception cref="GuardException">It is neither a host nor a wildcard.</exception>
    public static AllowedHost Parse(string entry)
    {
        var colon = entry.StartsWith('[') ? entry.IndexOf("]:", StringComparison.Ordinal) + 1 : entry.LastIndexOf(':');
        var host = (colon > 0 ? entry[..colon] : entry).ToLowerInvariant();
        var port = colon > 0 && int.TryParse(entry.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (int?)null;
        var wildcard = host.StartsWith("*.", StringComparison.Ordinal);
        var bare = wildcard ? host[2..] : host;
        // A star over a whole top-level domain would be a star over everything.
        var named = bare.Length > 0 && bare.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-') && !(wildcard && !bare.Contains('.'));
        if (!(named || RemoteUrl.IsBracketed(bare)) || (colon > 0 && port is not (> 0 and < 65536)))
        {
            throw new GuardException(
                $"{ImageOptions.Section}:AllowedHosts holds \"{entry}\". Write a host such as images.example.com, *.example.com for its subdomains, and a port as images.example.com:8443.");
        }

        return new AllowedHost(wildcard ? host[1..] : host, wildcard, port);
    }

    /// <summary>Whether this entry allows an address.</summary>
    public bool Allows(RemoteUrl url)
    {
        var host = Wildcard
            ? url.Host.Length > Name.Length && url.Host.EndsWith(Name, StringComparison.Ordinal)
            : url.Host == Name;
        return host && (Port ?? url.DefaultPort) == url.Port;
    }
}

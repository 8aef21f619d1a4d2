using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace GuardSharp.Server.Images;

/// <summary>The URL of an image on a network, taken apart in the one way that every reader agrees on.</summary>
/// <remarks>
/// Most forgeries live where two parsers read one text differently: so what does not come out of the framework's parser exactly as it went
/// in is refused. That are user names, backslashes, percent signs and letters outside ASCII in the host, hosts that end in a dot, and
/// IPv4 addresses in any form but four decimal numbers.
/// </remarks>
/// <param name="Uri">The URL.</param>
/// <param name="Host">The host in lower case; IPv6 in brackets.</param>
/// <param name="Port">The port.</param>
internal sealed record RemoteUrl(Uri Uri, string Host, int Port)
{
    private const int MaxLength = 4096;

    /// <summary>The port of the URL's scheme.</summary>
    public int DefaultPort => Uri.Scheme == Uri.UriSchemeHttps ? 443 : 80;

    /// <summary>The address, where the host is one.</summary>
    public IPAddress? Address => IPAddress.TryParse(Host.Trim('[', ']'), out var address) ? address : null;

    /// <summary>Takes a URL apart.</summary>
    /// <param name="text">The URL as it was sent.</param>
    /// <param name="allowHttp">Whether http will do.</param>
    /// <exception cref="ImageRefusedException">It is none that may be fetched; the message holds none of it.</exception>
    public static RemoteUrl Parse(string text, bool allowHttp)
    {
        if (text.Length > MaxLength)
            throw new ImageRefusedException($"it has {text.Length} characters, and at most {MaxLength} are allowed");
        if (!text.All(char.IsAscii) || text.Any(c => c is <= ' ' or '\\' or '\x7f'))
            throw new ImageRefusedException("it holds blanks, backslashes or characters outside ASCII, which have to be percent-encoded");
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
            throw new ImageRefusedException("it is no https URL");
        if (uri.Scheme != Uri.UriSchemeHttps && !allowHttp)
            throw new ImageRefusedException("it is an http URL, and https is needed here");
        var start = text.IndexOf("://", StringComparison.Ordinal) + 3;
        var end = text.AsSpan(start).IndexOfAny('/', '?', '#');
        var authority = (end < 0 ? text[start..] : text.Substring(start, end)).ToLowerInvariant();
        var colon = authority.StartsWith('[') ? authority.IndexOf("]:", StringComparison.Ordinal) + 1 : authority.IndexOf(':', StringComparison.Ordinal);
        var host = colon > 0 ? authority[..colon] : authority;
        var port = uri.Port;
        if (!IsPlain(host) || host != uri.Host || (colon > 0 && authority[(colon + 1)..] != port.ToString(CultureInfo.InvariantCulture)))
        {
            throw new ImageRefusedException(
                "its host is not written plainly: allowed are a name in ASCII, four decimal numbers or an IPv6 address in brackets, without a user name");
        }

        return new RemoteUrl(uri, host, port);
    }

    /// <summary>Whether a host is an IPv6 address in brackets, without a zone.</summary>
    public static bool IsBracketed(string host) =>
        host is ['[', .., ']'] && !host.Contains('%') && IPAddress.TryParse(host[1..^1], out var address) && address.AddressFamily == AddressFamily.InterNetworkV6;

    // A name whose last label is a number is read as an IPv4 address by some (WHATWG URL, 3.5): 0x7f.1, 2130706433, 127.1.
    private static bool IsPlain(string host)
    {
        if (host.StartsWith('['))
            return IsBracketed(host);
        var last = host[(host.LastIndexOf('.') + 1)..];
        var number = last.Length == 0 || char.IsAsciiDigit(last[0]) && (last.All(char.IsAsciiDigit) || last.StartsWith("0x", StringComparison.Ordinal));
        return host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-') && (!number || IsFourNumbers(host));
    }

    private static bool IsFourNumbers(string host) =>
        IPAddress.TryParse(host, out var address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == host;
}

/// <summary>An image that is not fetched, or did not come. The message follows "... was not fetched: " and holds nothing of the URL.</summary>
internal sealed class ImageRefusedException(string reason, Exception? innerException = null) : GuardException(reason, innerException);

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace GuardSharp.Server.Images;

/// <summary>Which addresses lie on the public internet. A server that fetches what strangers name must reach no others.</summary>
/// <remarks>Source: the special-purpose registries of IANA (RFC 6890), each range with the RFC that set it aside.</remarks>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] _closed4 =
    [
        IPNetwork.Parse("0.0.0.0/8"),          // this network, unspecified: RFC 1122, 3.2.1.3
        IPNetwork.Parse("10.0.0.0/8"),         // private: RFC 1918
        IPNetwork.Parse("100.64.0.0/10"),      // carrier-grade NAT: RFC 6598
        IPNetwork.Parse("127.0.0.0/8"),        // loopback: RFC 1122, 3.2.1.3
        IPNetwork.Parse("169.254.0.0/16"),     // link-local, cloud metadata: RFC 3927
        IPNetwork.Parse("172.16.0.0/12"),      // private: RFC 1918
        IPNetwork.Parse("192.0.0.0/24"),       // protocol assignments: RFC 6890
        IPNetwork.Parse("192.0.2.0/24"),       // documentation: RFC 5737
        IPNetwork.Parse("192.31.196.0/24"),    // AS112: RFC 7535
        IPNetwork.Parse("192.52.193.0/24"),    // AMT: RFC 7450
        IPNetwork.Parse("192.88.99.0/24"),     // relays of 6to4: RFC 7526
        IPNetwork.Parse("192.168.0.0/16"),     // private: RFC 1918
        IPNetwork.Parse("192.175.48.0/24"),    // AS112: RFC 7534
        IPNetwork.Parse("198.18.0.0/15"),      // benchmarking: RFC 2544
        IPNetwork.Parse("198.51.100.0/24"),    // documentation: RFC 5737
        IPNetwork.Parse("203.0.113.0/24"),     // documentation: RFC 5737
        IPNetwork.Parse("224.0.0.0/4"),        // multicast: RFC 5771
        IPNetwork.Parse("240.0.0.0/4"),        // reserved, broadcast: RFC 1112, RFC 919
    ];

    // Global unicast is the only range handed out (RFC 4291, 2.4). Outside it lie ::, ::1, mapped and compatible IPv4, fc00::/7 unique-local
    // (RFC 4193), fe80::/10 link-local, fec0::/10 site-local (RFC 3879), ff00::/8 multicast and 64:ff9b:1::/48 (RFC 8215).
    private static readonly IPNetwork _global6 = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork[] _closed6 =
    [
        IPNetwork.Parse("2001::/23"),          // protocol assignments, Teredo and ORCHID among them: RFC 2928, RFC 4380, RFC 7343
        IPNetwork.Parse("2001:db8::/32"),      // documentation: RFC 3849
        IPNetwork.Parse("2002::/16"),          // 6to4, an IPv4 address inside: RFC 3056, given up by RFC 7526
        IPNetwork.Parse("2620:4f:8000::/48"),  // AS112: RFC 7534
        IPNetwork.Parse("3fff::/20"),          // documentation: RFC 9637
    ];

    // NAT64: the network's own translator reaches the IPv4 address in the last four bytes (RFC 6052, 2.1).
    private static readonly IPNetwork _nat64 = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>Whether an address is public.</summary>
    public static bool Contains(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return !_closed4.Any(network => Holds(network, address));
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || address.ScopeId != 0)
            return false;
        var bytes = address.GetAddressBytes();
        if (Holds(_nat64, address))
            return Contains(new IPAddress(bytes.AsSpan(12)));
        return Holds(_global6, address) && !_closed6.Any(network => Holds(network, address)) && !IsIsatap(bytes);
    }

    // Not IPNetwork.Contains: .NET 10.0 finds ::ffff:8.8.8.8 in 2000::/3.
    private static bool Holds(IPNetwork network, IPAddress address)
    {
        var (start, bytes) = (network.BaseAddress.GetAddressBytes(), address.GetAddressBytes());
        var (whole, bits) = Math.DivRem(network.PrefixLength, 8);
        return start.Length == bytes.Length && start.AsSpan(0, whole).SequenceEqual(bytes.AsSpan(0, whole))
            && (bits == 0 || (start[whole] ^ bytes[whole]) >> (8 - bits) == 0);
    }

    // ISATAP tunnels to the IPv4 address in the last four bytes (RFC 5214, 6.1).
    private static bool IsIsatap(ReadOnlySpan<byte> bytes) => (BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]) & 0xFDFFFFFF) == 0x00005EFE;
}

using System.Net;
using GuardSharp.Server.Images;

namespace GuardSharp.Tests.Server.Images;

public sealed class PublicAddressTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("0.0.0.0")]
    [InlineData("0.1.2.3")]
    [InlineData("10.0.0.1")]
    [InlineData("100.64.0.1")]
    [InlineData("100.127.255.255")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.8")]
    [InlineData("192.0.2.1")]
    [InlineData("192.88.99.1")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("198.51.100.7")]
    [InlineData("203.0.113.7")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.255")]
    [InlineData("240.0.0.1")]
    [InlineData("255.255.255.255")]
    public void An_IPv4_address_that_is_set_aside_is_not_public(string address) => Assert.False(PublicAddresses.Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::127.0.0.1")]               // IPv4-compatible
    [InlineData("::ffff:127.0.0.1")]          // IPv4-mapped
    [InlineData("::ffff:8.8.8.8")]            // no name server sends a public address so
    [InlineData("::ffff:0:127.0.0.1")]        // IPv4-translated
    [InlineData("64:ff9b::127.0.0.1")]        // NAT64
    [InlineData("64:ff9b::10.0.0.1")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("64:ff9b:1::8.8.8.8")]        // NAT64 of a network's own
    [InlineData("2001::1")]                   // Teredo
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")]            // 6to4 of 127.0.0.1
    [InlineData("2002:808:808::1")]           // 6to4 of 8.8.8.8
    [InlineData("2a00:1450:4001::5efe:10.0.0.1")]       // ISATAP
    [InlineData("2a00:1450:4001:0:200:5efe:10.0.0.1")]
    [InlineData("3fff::1")]
    [InlineData("5f00::1")]
    [InlineData("fc00::1")]
    [InlineData("fd12:3456::1")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void An_IPv6_address_that_is_set_aside_or_holds_one_is_not_public(string address) => Assert.False(PublicAddresses.Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("8.8.8.8")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.1")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.1")]
    [InlineData("223.255.255.255")]
    [InlineData("2a00:1450:4001:81b::200e")]
    [InlineData("2606:4700::6810:84e5")]
    [InlineData("64:ff9b::8.8.8.8")]
    public void Other_addresses_are_public(string address) => Assert.True(PublicAddresses.Contains(IPAddress.Parse(address)));

    [Fact]
    public void An_address_with_a_zone_is_not_public() => Assert.False(PublicAddresses.Contains(new IPAddress(IPAddress.Parse("2a00:1450::1").GetAddressBytes(), 2)));
}

using System.Text;
using GuardSharp.Server.Guards;
using Microsoft.Extensions.Configuration;

namespace GuardSharp.Tests.Scaling;

/// <summary>The configurations inside the manifests are ones that a server understands.</summary>
public sealed class DeployFilesTests
{
    [Theory]
    [InlineData("server.yaml", false)]
    [InlineData("vllm.yaml", true)]
    public void The_models_of_a_manifest_are_understood(string file, bool isRemote)
    {
        var configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(Settings(file)))).Build();
        var (name, options) = Assert.Single(GuardLoader.Read(configuration));
        Assert.Equal(("guard", true, isRemote), (name, options.Default, options.Remote is not null));
        options.Remote?.Check();
    }

    /// <summary>The block behind "appsettings.json: |": the lines that are indented deeper.</summary>
    private static string Settings(string file) => string.Join('\n', File.ReadLines(Path.Combine(TestFiles.Root, "deploy", "kubernetes", file))
        .SkipWhile(line => !line.EndsWith("appsettings.json: |", StringComparison.Ordinal)).Skip(1).TakeWhile(line => line.StartsWith("    ", StringComparison.Ordinal)));
}

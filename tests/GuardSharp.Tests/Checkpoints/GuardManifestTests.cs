using System.Text;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class GuardManifestTests
{
    private static readonly GuardManifest Sample = new()
    {
        Name = "guardsharp-tiny",
        Version = "1",
        Codes = ["S1", "S2"],
        CustomCategories = true,
        NarrowedPolicies = true,
        Languages = ["en", "th"],
        MaxImages = 5,
        PromptVariant = "Compact",
        Threshold = 0.4,
        Temperature = 1.7,
        WeightsSha256 = new string('a', 64),
        Synthetic = true,
        Licence = "MIT",
    };

    [Fact]
    public void A_written_manifest_is_read_back()
    {
        using var folder = new TemporaryFolder();
        Sample.Write(folder.Path);
        var read = GuardManifest.Read(folder.Path)!;
        Assert.Equal(Sample.Codes, read.Codes);
        Assert.Equal(Sample.Languages, read.Languages);
        Assert.Equal(Sample, read with { Codes = Sample.Codes, Languages = Sample.Languages });
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_published_folder_has_none() => Assert.Null(GuardManifest.Read(TestFiles.Golden("llama4-tiny")));

    [Fact]
    public void What_is_not_said_has_the_careful_default()
    {
        var manifest = Parse("""{"schema":1,"name":"n","version":"v","codes":["S1"]}""");
        Assert.Equal((0.5, 1.0, 0, false, false), (manifest.Threshold, manifest.Temperature, manifest.MaxImages, manifest.CustomCategories, manifest.NarrowedPolicies));
        Assert.Null(manifest.PromptVariant);
    }

    [Theory]
    [InlineData("""{"name":"n","version":"v","codes":["S1"]}""", "\"schema\" is missing")]
    [InlineData("""{"schema":2,"name":"n","version":"v","codes":["S1"]}""", "\"schema\" is 2")]
    [InlineData("""{"schema":1,"version":"v","codes":["S1"]}""", "\"name\" is missing")]
    [InlineData("""{"schema":1,"name":"n","version":"v","codes":[]}""", "\"codes\" is missing")]
    [InlineData("""{"schema":1,"name":"n","version":"v","codes":["S1","S1"]}""", "every code may stand once only")]
    [InlineData("""{"schema":1,"name":"n","version":"v","codes":["S1"],"threshhold":0.3}""", "the key \"threshhold\" is unknown")]
    [InlineData("""{"schema":1,"name":"n","version":"v","codes":["S1"],"threshold":1.5}""", "a number from 0 to 1 is allowed")]
    [InlineData("""{"schema":1,"name":"n","version":"v","codes":["S1"],"weightsSha256":"XY"}""", "64 hexadecimal digits")]
    public void A_slip_in_the_manifest_is_an_error(string json, string expected) =>
        Assert.Contains(expected, Assert.Throws<CheckpointException>(() => Parse(json)).Message, StringComparison.Ordinal);

    private static GuardManifest Parse(string json) => JsonSection.Parse("guardsharp.json", Encoding.UTF8.GetBytes(json), GuardManifest.Read);
}

using PublicApiGenerator;

namespace GuardSharp.Tests.Approval;

/// <summary>The public interface of every packed library, as approved in a file beside this one: a change is seen in review.</summary>
public sealed class PublicApiTests
{
    [Theory]
    [InlineData("GuardSharp")]
    [InlineData("GuardSharp.Evaluation")]
    [InlineData("GuardSharp.Extensions.AI")]
    [InlineData("GuardSharp.Server")]
    [InlineData("GuardSharp.Torch")]
    public void The_public_interface_is_the_approved_one(string library)
    {
        var file = Path.Combine(TestFiles.Root, "tests", "GuardSharp.Tests", "Approval", library + ".approved.txt");
        var actual = System.Reflection.Assembly.Load(library)
            .GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false })
            .ReplaceLineEndings("\n").TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable("GUARDSHARP_APPROVE") == "1")
        {
            File.WriteAllText(file, actual);
        }

        var approved = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        Assert.True(approved == actual, $"The public interface of {library} changed. If that is meant, run the tests once with GUARDSHARP_APPROVE=1 and commit {library}.approved.txt.\n\nNow:\n{actual}");
    }
}

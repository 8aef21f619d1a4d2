namespace GuardSharp.Tests;

public sealed class SmokeTest
{
    [Fact]
    public void The_suite_runs() => Assert.True(true);
}

using System.Diagnostics;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>The contract in processes whose runtime was told to do without some of the processor's instructions.</summary>
public sealed class VectorWidthTests
{
    private const string ExpectedLanes = "GUARDSHARP_TEST_EXPECTED_LANES";

    [Theory]
    [InlineData("DOTNET_EnableHWIntrinsic", 4)]
    [InlineData("DOTNET_EnableAVX2", 4)]
    [InlineData("DOTNET_EnableAVX512", 8)]
    [InlineData("DOTNET_EnableAVX512,DOTNET_EnableAVXVNNI", 8)]
    public async Task The_contract_holds_without(string instructions, int lanes)
    {
        Assert.SkipWhen(KernelChoice.ForThisMachine().Kernels.Lanes < lanes, $"needs a processor with vectors of {lanes} numbers");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(VectorWidthTests).Assembly.Location);
        }

        foreach (var argument in (string[])["--filter-class", typeof(CpuOpsTests).FullName!, "--filter-class", typeof(CpuKvCacheTests).FullName!, "--filter-class", typeof(BlockProductTests).FullName!, "--filter-class", typeof(ExpectedWidthTests).FullName!])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var instruction in instructions.Split(','))
        {
            start.Environment[instruction] = "0";
        }

        start.Environment[ExpectedLanes] = $"{lanes}";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0 && output.Contains("Passed!", StringComparison.Ordinal), output + await errors);
    }

    /// <summary>What the processes above check beside the contract.</summary>
    public sealed class ExpectedWidthTests
    {
        [Fact]
        public void The_kernels_use_the_vectors_that_the_runtime_offers()
        {
            var lanes = Environment.GetEnvironmentVariable(ExpectedLanes) ?? $"{KernelChoice.ForThisMachine().Kernels.Lanes}";
            Assert.Equal(lanes, $"{KernelChoice.ForThisMachine().Kernels.Lanes}");
        }
    }
}

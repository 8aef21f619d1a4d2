using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Tests.Checkpoints.Adapters;

namespace GuardSharp.Tests.Cli;

/// <summary><c>--adapter</c> and <c>model merge</c>.</summary>
public sealed class AdapterOptionTests : IDisposable
{
    private static readonly string _model = GuardClassifier.DefaultModelFolder;

    private readonly TemporaryFolder _folder = new();

    private string Adapter => _folder["tuned"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_adapter_moves_the_verdict_and_stands_in_the_model_s_name()
    {
        AdapterSample.Write(Adapter, _model);
        var plain = (await CommandLineRun.OfAsync("classify", "How do I pick a lock?", "--json")).Json();
        var adapted = (await CommandLineRun.OfAsync("classify", "How do I pick a lock?", "--json", "--adapter", Adapter)).Json();
        var (before, after) = (plain.GetProperty("model").GetString()!, adapted.GetProperty("model").GetString()!);
        Assert.StartsWith($"{before[..before.IndexOf('@', StringComparison.Ordinal)]}+tuned@", after, StringComparison.Ordinal);
        Assert.NotEqual(before.Split('@')[1], after.Split('@')[1]);
        Assert.NotEqual(plain.GetProperty("unsafeProbability").GetDouble(), adapted.GetProperty("unsafeProbability").GetDouble());
    }

    [Fact]
    public void The_hash_tells_adapters_apart_by_their_numbers_and_their_scale()
    {
        string Hash(string name, AdapterConfig config)
        {
            using var guard = new GuardHolder(GuardClassifier.Load(_model, new GuardOptions { Adapter = AdapterSample.Write(_folder[name], _model, config) }));
            return guard.Guard.Capabilities.Model.Split('@')[1];
        }

        string[] hashes = [Hash("a", AdapterSample.Config), Hash("b", AdapterSample.Config with { Alpha = 3 }), Hash("c", AdapterSample.Config with { Targets = ["q_proj"] })];
        Assert.Equal(3, hashes.Distinct().Count());
        Assert.Equal(hashes[0], Hash("d", AdapterSample.Config with { Dropout = 0.5 }));
    }

    [Fact]
    public async Task A_merged_model_judges_as_the_base_with_the_adapter()
    {
        AdapterSample.Write(Adapter, _model);
        var run = await CommandLineRun.OfAsync("model", "merge", "--model", _model, "--adapter", Adapter, "--output", _folder["merged"], "--json");
        Assert.Equal((0, _folder["merged"]), (run.Code, run.Json().GetProperty("folder").GetString()));
        var adapted = (await CommandLineRun.OfAsync("classify", "How do I pick a lock?", "--json", "--adapter", Adapter)).Json();
        var merged = (await CommandLineRun.OfAsync("classify", "How do I pick a lock?", "--json", "--model", _folder["merged"])).Json();
        // The merged weights are rounded to the type of the base.
        Assert.Equal(adapted.GetProperty("unsafeProbability").GetDouble(), merged.GetProperty("unsafeProbability").GetDouble(), 0.02);
    }

    [Fact]
    public async Task A_folder_that_is_no_adapter_is_told() =>
        (await CommandLineRun.OfAsync("classify", "hello", "--adapter", _folder.Path)).IsRefused("there is no adapter_model.safetensors");

    [Fact]
    public async Task The_server_takes_an_adapter_only_for_a_model_that_is_named() =>
        (await CommandLineRun.OfAsync("serve", "--adapter", _folder.Path)).IsRefused("--adapter goes with --model");

    private sealed class GuardHolder(GuardClassifier guard) : IDisposable
    {
        public GuardClassifier Guard { get; } = guard;

        // Disposing joins a thread and awaits nothing.
        public void Dispose() => Guard.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}

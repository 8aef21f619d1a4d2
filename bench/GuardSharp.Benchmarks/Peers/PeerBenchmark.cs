using System.Globalization;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>
/// GuardSharp and llama.cpp on the same weights of Llama Guard 3 1B's shape, in turns: speed of the whole model, and time from a prompt to its first answer.
/// </summary>
/// <remarks>bench/peers/README.md says how the files come about. llama.cpp's figures are its own (llama-bench), its server's are a client's.</remarks>
internal sealed class PeerBenchmark(string models, string programs, int rounds, int threads)
{
    private const int ReadTokens = 512;
    private const int WrittenTokens = 32;
    private const int PromptTokens = 450;
    private const int CachedTokens = 250;

    private static readonly TimeSpan pause = TimeSpan.FromSeconds(1);

    private static readonly string[] llamaForms = ["f16", "bf16", "q8_0", "q4_0", "q4_k_m"];

    private readonly Rounds reading = new();
    private readonly Rounds writing = new();
    private readonly Rounds answering = new();
    private readonly Rounds verdicts = new();
    private readonly Rounds processor = new();

    /// <summary>Runs all rounds and prints the tables.</summary>
    /// <param name="parts">"speed", "server" or both.</param>
    public async Task RunAsync(string parts)
    {
        Console.WriteLine($"{rounds} rounds, {threads} threads, {Environment.ProcessorCount} processors, {DateTimeOffset.UtcNow:yyyy-MM-dd HH:mm} UTC");
        if (parts.Contains("speed", StringComparison.Ordinal))
        {
            await SpeedAsync();
            reading.Print($"reading {ReadTokens} tokens", "tokens/s");
            writing.Print($"{WrittenTokens} tokens one after the other, all logits", "tokens/s");
            answering.Print($"{WrittenTokens} tokens one after the other, ours with the logits of an answer's tokens", "tokens/s");
            PrintSpeedRatios();
        }

        if (parts.Contains("server", StringComparison.Ordinal))
        {
            await ServersAsync();
            verdicts.Print($"prompt of {PromptTokens} tokens to its answer (cached: {CachedTokens} of them)", "ms");
            PrintTimeRatios(verdicts);
            processor.Print("the same by processor time", "ms");
            PrintTimeRatios(processor);
        }
    }

    private IEnumerable<Contestant<string>> Ours()
    {
        foreach (var (name, file) in ((string, string)[])[("bfloat16", "1b"), ("int8", "q8_0.gguf"), ("int4", "q4_0.gguf"), ("int8 folder", "1b-int8"), ("int4 folder", "1b-int4"), ("int4 even folder", "1b-int4-even")])
        {
            var path = Path.Combine(models, file);
            if (File.Exists(path) || Directory.Exists(path))
            {
                yield return new Contestant<string>("GuardSharp " + name, path);
            }
        }
    }

    private IEnumerable<Contestant<string>> Theirs(IEnumerable<string> forms) =>
        forms.Select(form => new Contestant<string>("llama.cpp " + form, Path.Combine(models, form + ".gguf"))).Where(model => File.Exists(model.Side));

    private async Task SpeedAsync()
    {
        var llama = new LlamaBench(Path.Combine(programs, "llama-bench"), threads);
        for (var round = 0; round < rounds; round++)
        {
            Announce("speed", round);
            // Ours and theirs alternate, so that neither has a quiet quarter of an hour to itself.
            foreach (var (own, peer) in Paired([.. Ours()], [.. Theirs(llamaForms)]))
            {
                if (peer is not null)
                {
                    var (read, written) = llama.Run(peer.Side, ReadTokens, WrittenTokens);
                    Add(peer.Name, (read, written, written));
                }

                if (own is not null)
                {
                    await using var guard = new GuardRunner(own.Side, threads);
                    await guard.SpeedAsync(ReadTokens, 4);
                    Add(own.Name, await guard.SpeedAsync(ReadTokens, WrittenTokens));
                }
            }
        }

        void Add(string name, (double Reading, double Writing, double Answering) speed)
        {
            reading.Add(name, speed.Reading);
            writing.Add(name, speed.Writing);
            answering.Add(name, speed.Answering);
        }
    }

    private async Task ServersAsync()
    {
        List<Contestant<LlamaServer>> servers = [];
        List<Contestant<GuardRunner>> guards = [];
        try
        {
            foreach (var model in Theirs(["q8_0", "q4_0"]))
            {
                servers.Add(new(model.Name, await LlamaServer.StartAsync(Path.Combine(programs, "llama-server"), model.Side, threads)));
            }

            foreach (var model in Ours().Where(model => !model.Name.EndsWith("bfloat16", StringComparison.Ordinal)))
            {
                guards.Add(new(model.Name, new GuardRunner(model.Side, threads)));
            }

            for (var round = -1; round < rounds; round++)
            {
                Announce("server", round);
                await RoundAsync(servers, guards, round);
            }
        }
        finally
        {
            servers.ForEach(server => server.Side.Dispose());
            foreach (var guard in guards)
            {
                await guard.Side.DisposeAsync();
            }
        }
    }

    private async Task RoundAsync(List<Contestant<LlamaServer>> servers, List<Contestant<GuardRunner>> guards, int round)
    {
        // Texts of their own for each question: nobody may know more of one than the tokens that all of them begin with.
        var prompts = Enumerable.Range(0, 3).Select(i => guards[0].Side.Prompt(PromptTokens, CachedTokens, (3 * (round + 1)) + i)).ToArray();
        var (fresh, second, third) = (prompts[0], prompts[1], prompts[2]);
        foreach (var (own, peer) in Paired(guards, servers))
        {
            if (peer is not null)
            {
                await Task.Delay(pause);
                var (cold, read) = await peer.Side.CompleteAsync(fresh.Ids, cached: false);
                Require(read == PromptTokens, $"{peer.Name} read {read} of {PromptTokens} tokens though it should cache nothing.");
                await peer.Side.CompleteAsync(second.Ids[..CachedTokens], cached: true);
                var (warm, rest) = await peer.Side.CompleteAsync(second.Ids, cached: true);
                Require(rest == PromptTokens - CachedTokens, $"{peer.Name} read {rest} tokens behind {CachedTokens} cached ones.");
                Add(peer.Name + ", one token, cold", cold);
                Add(peer.Name + ", one token, cached", warm);
            }

            if (own is not null)
            {
                // llama.cpp's threads go on spinning for a while after an answer; nobody shall pay for the other's.
                await Task.Delay(pause);
                Add(own.Name + ", answer, cold", await own.Side.AnswerAsync(fresh.Ids, 0));
                Add(own.Name + ", verdict, cold", await own.Side.JudgeAsync(fresh.Conversation, cached: false));
                await own.Side.AnswerAsync([.. second.Ids[..CachedTokens], second.Ids[^1]], CachedTokens);
                Add(own.Name + ", answer, cached", await own.Side.AnswerAsync(second.Ids, CachedTokens));
                // What the conversation before had in common with this one is kept.
                await own.Side.JudgeAsync(fresh.Conversation, cached: true);
                Add(own.Name + ", verdict, cached", await own.Side.JudgeAsync(third.Conversation, cached: true));
            }
        }

        void Add(string name, Cost cost)
        {
            // The first round warms up.
            if (round >= 0)
            {
                verdicts.Add(name, cost.Elapsed.TotalMilliseconds);
                processor.Add(name, cost.Processor.TotalMilliseconds);
            }
        }
    }

    private void PrintSpeedRatios()
    {
        Rounds.PrintRatioHead();
        foreach (var folder in (string[])["", " folder", " even folder"])
        {
            reading.PrintRatio("GuardSharp int4" + folder, ["llama.cpp q4_0"], 1.7, isTime: false);
            reading.PrintRatio("GuardSharp int4" + folder, [.. llamaForms.Select(form => "llama.cpp " + form)], 1.4, isTime: false);
            reading.PrintRatio("GuardSharp int8" + folder, ["llama.cpp q8_0"], 1.5, isTime: false);
            writing.PrintRatio("GuardSharp int4" + folder, ["llama.cpp q4_0", "llama.cpp q4_k_m"], 1.0, isTime: false);
            writing.PrintRatio("GuardSharp int8" + folder, ["llama.cpp q8_0"], 1.0, isTime: false);
            answering.PrintRatio("GuardSharp int4" + folder, ["llama.cpp q4_0", "llama.cpp q4_k_m"], 1.0, isTime: false);
            answering.PrintRatio("GuardSharp int8" + folder, ["llama.cpp q8_0"], 1.0, isTime: false);
        }
    }

    private static void PrintTimeRatios(Rounds times)
    {
        Rounds.PrintRatioHead();
        foreach (var (ours, theirs) in ((string, string)[])[("int4", "q4_0"), ("int8", "q8_0"), ("int4 folder", "q4_0"), ("int4 even folder", "q4_0"), ("int8 folder", "q8_0")])
        {
            foreach (var what in (string[])["verdict", "answer"])
            {
                times.PrintRatio($"GuardSharp {ours}, {what}, cold", [$"llama.cpp {theirs}, one token, cold"], 1.7, isTime: true);
                times.PrintRatio($"GuardSharp {ours}, {what}, cached", [$"llama.cpp {theirs}, one token, cached"], 2, isTime: true);
            }
        }
    }

    private static IEnumerable<(Contestant<TOne>? One, Contestant<TOther>? Other)> Paired<TOne, TOther>(List<Contestant<TOne>> ones, List<Contestant<TOther>> others) =>
        Enumerable.Range(0, Math.Max(ones.Count, others.Count)).Select(i => (i < ones.Count ? ones[i] : null, i < others.Count ? others[i] : null));

    private static void Announce(string part, int round) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{part} round {round + 1}, load {Load()}"));

    // What the machine has to do besides, as Linux counts it.
    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}

/// <summary>Who takes part.</summary>
/// <param name="Name">As the tables call it.</param>
/// <param name="Side">What runs, or where its model lies.</param>
internal sealed record Contestant<T>(string Name, T Side);

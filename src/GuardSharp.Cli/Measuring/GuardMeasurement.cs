using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Engine;
using GuardSharp.Policies;

namespace GuardSharp.Cli.Measuring;

/// <summary>Measures a guard as applications use it: <see cref="GuardClassifier"/> in this process.</summary>
/// <param name="load">Loads the model, given limits of its engine or none.</param>
/// <param name="threads">Threads of the kernels.</param>
/// <param name="sampling">How long each measurement goes on.</param>
/// <param name="withPictures">Whether pictures are judged too, where the model takes any.</param>
/// <param name="step">Told of every measurement that is done.</param>
internal sealed class GuardMeasurement(Func<EngineOptions?, GuardClassifier> load, int threads, Sampling sampling, bool withPictures, Action step)
{
    /// <summary>Most measurements a run makes, for its progress.</summary>
    public const int Steps = 18;

    // Most verdicts before anything counts: what was compiled in haste is compiled anew after some dozen calls, beside them.
    private const int WarmUp = 500;
    private const int LongTextSentences = 20;
    private const int PrefillTokens = 512;

    // A batch that would take more than this many times the time of a measurement is left out.
    private const int Patience = 20;

    // Behind the prompt that reading measures there must be room for a token.
    private const int Spare = 8;

    private int _number;

    /// <summary>Measures everything.</summary>
    public async Task<BenchReport> RunAsync(CancellationToken cancellationToken)
    {
        var guard = Load(null, out var loading);
        string model;
        StartUp start;
        Dictionary<string, VerdictTimes> cached;
        Dictionary<int, double?> batches;
        double peak;
        await using (guard.ConfigureAwait(false))
        {
            var ready = (DateTimeOffset.UtcNow - Started()).TotalMilliseconds;
            model = guard.Capabilities.Model;
            start = new StartUp(ready, loading, await TimeAsync(guard, SampleConversations.ShortText(_number++), cancellationToken).ConfigureAwait(false));
            cached = await TimesAsync(guard, cancellationToken).ConfigureAwait(false);
            batches = await BatchesAsync(guard, cached["shortText"].P50, cancellationToken).ConfigureAwait(false);
            peak = PeakMegabytes();
        }

        guard = Load(new EngineOptions { CachedPrefixes = 0 }, out _);
        await using (guard.ConfigureAwait(false))
        {
            var uncached = await TimesAsync(guard, cancellationToken).ConfigureAwait(false);
            var (tokens, prefill, decode) = await SpeedAsync(guard, cancellationToken).ConfigureAwait(false);
            return new BenchReport
            {
                Model = model,
                Threads = threads,
                Start = start,
                Cached = cached,
                Uncached = uncached,
                PrefillTokens = tokens,
                PrefillTokensPerSecond = prefill,
                DecodeTokensPerSecond = decode,
                VerdictsPerSecond = batches,
                PeakResidentMegabytes = peak,
            };
        }
    }

    private GuardClassifier Load(EngineOptions? engine, out double milliseconds)
    {
        var started = Stopwatch.GetTimestamp();
        var guard = load(engine);
        milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        return guard;
    }

    private async Task<Dictionary<string, VerdictTimes>> TimesAsync(GuardClassifier guard, CancellationToken cancellationToken)
    {
        await new Sampling(WarmUp, sampling.Seconds).TakeAsync(_ => TimeAsync(guard, SampleConversations.ShortText(_number++), cancellationToken), cancellationToken).ConfigureAwait(false);
        step();
        var sentences = FittingSentences(guard);
        var kinds = new List<(string Name, Func<int, Conversation> Make)>
        {
            ("shortText", SampleConversations.ShortText),
            ("longText", number => SampleConversations.LongText(number, sentences)),
            ("response", SampleConversations.Response),
        };
        var images = withPictures ? guard.Capabilities.MaxImages : 0;
        if (images > 0)
        {
            kinds.Add(("onePicture", number => SampleConversations.Pictures(number, 1)));
            kinds.Add(("samePicture", _ => SampleConversations.Pictures(0, 1)));
        }

        if (images > 1)
        {
            kinds.Add(("severalPictures", number => SampleConversations.Pictures(number * images, images)));
        }

        var times = new Dictionary<string, VerdictTimes>();
        foreach (var (name, make) in kinds)
        {
            times.Add(name, await TimesAsync(guard, make, cancellationToken).ConfigureAwait(false));
            step();
        }

        return times;
    }

    private async Task<VerdictTimes> TimesAsync(GuardClassifier guard, Func<int, Conversation> make, CancellationToken cancellationToken)
    {
        Verdict? last = null;
        var times = await sampling.TakeAsync(
            async _ =>
            {
                // Drawing a picture is no part of judging it.
                var conversation = make(_number++);
                return await Sampling.TimeAsync(async () => last = await guard.ClassifyAsync(conversation, cancellationToken: cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        return new VerdictTimes(times, last!.PromptTokens, last.ImageTokens);
    }

    private static Task<double> TimeAsync(GuardClassifier guard, Conversation conversation, CancellationToken cancellationToken) =>
        Sampling.TimeAsync(() => guard.ClassifyAsync(conversation, cancellationToken: cancellationToken));

    private async Task<Dictionary<int, double?>> BatchesAsync(GuardClassifier guard, double alone, CancellationToken cancellationToken)
    {
        var speeds = new Dictionary<int, double?>();
        foreach (var size in (int[])[1, 8, 32])
        {
            if (size * alone / 1000 > Patience * sampling.Seconds)
            {
                speeds.Add(size, null);
                step();
                continue;
            }

            var times = await sampling.TakeAsync(
                _ =>
                {
                    List<Conversation> conversations = [.. Enumerable.Range(0, size).Select(_ => SampleConversations.ShortText(_number++))];
                    return Sampling.TimeAsync(() => guard.ClassifyAsync(conversations, cancellationToken: cancellationToken));
                },
                cancellationToken).ConfigureAwait(false);
            speeds.Add(size, 1000 * size / times[times.Count / 2]);
            step();
        }

        return speeds;
    }

    // Ids without a text: the network alone, as llama-bench measures it.
    private async Task<(int Tokens, double Prefill, double Decode)> SpeedAsync(GuardClassifier guard, CancellationToken cancellationToken)
    {
        var tokens = Math.Min(PrefillTokens, guard.Capabilities.MaxContextTokens - Spare);
        var known = Ids(guard, SampleConversations.LongText(0, FittingSentences(guard)));
        int[] ids = [.. Enumerable.Range(0, tokens).Select(i => known[i % known.Length])];
        var prompt = new EncodedPrompt([], ids, []);
        (await guard.Engine.ReadAsync(prompt, cancellationToken).ConfigureAwait(false)).Dispose();
        var reading = await sampling.TakeAsync(
            _ => Sampling.TimeAsync(async () => (await guard.Engine.ReadAsync(prompt, cancellationToken).ConfigureAwait(false)).Dispose()), cancellationToken).ConfigureAwait(false);
        step();
        using var session = await guard.Engine.ReadAsync(prompt, cancellationToken).ConfigureAwait(false);
        var writing = await sampling.TakeAsync(
            _ => Sampling.TimeAsync(() => session.NextLogitsAsync([[ids[0]]], [], cancellationToken)), cancellationToken).ConfigureAwait(false);
        step();
        return (tokens, 1000 * tokens / reading[reading.Count / 2], 1000 / writing[writing.Count / 2]);
    }

    // The most sentences, up to the usual number, that the model's context holds.
    private static int FittingSentences(GuardClassifier guard)
    {
        var sentences = LongTextSentences;
        while (sentences > 1 && !Fits(sentences))
        {
            sentences /= 2;
        }

        return sentences;

        bool Fits(int count)
        {
            try
            {
                return Ids(guard, SampleConversations.LongText(0, count)).Length > 0;
            }
            catch (ContextOverflowException)
            {
                return false;
            }
        }
    }

    private static int[] Ids(GuardClassifier guard, Conversation conversation)
    {
        var prompt = guard.Encode(guard.Render(conversation, guard.DefaultPolicy), [], CancellationToken.None);
        return [.. prompt.Prefix, .. prompt.Rest];
    }

    private static DateTimeOffset Started()
    {
        using var process = Process.GetCurrentProcess();
        return process.StartTime;
    }

    private static double PeakMegabytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1e6;
    }
}

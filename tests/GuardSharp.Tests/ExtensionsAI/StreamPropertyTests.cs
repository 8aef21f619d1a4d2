using System.Text;
using CsCheck;
using GuardSharp.Conversations;
using GuardSharp.Extensions.AI;
using GuardSharp.Extensions.AI.Streaming;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

public sealed class StreamPropertyTests
{
    // Words, breaks, signs of several units, scripts without blanks, half pairs, and what the guard finds unsafe.
    private static readonly string[] _pieces =
        ["word ", "a", " ", "\n", "\r\n", "Sentence one. ", "kill", "KILL ", "bomb", "👩‍👩‍👧", "🇫🇷🇩🇪", "e\u0301", "日本語の文。", "👍🏽", "ไม่", "\uFFFC", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"];

    private static readonly Gen<string> _texts = Gen.Int[0, _pieces.Length - 1].Array[0, 40].Select(places => string.Concat(places.Select(place => _pieces[place])));

    private static readonly Gen<StreamWindow> _windows = Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Double[0, 1], Gen.Int[0, 80], Gen.Bool)
        .Select(w => new StreamWindow { FirstCharacters = w.Item1, Characters = w.Item2, Growth = w.Item3, MaxCharacters = w.Item2 + w.Item4, Sentences = w.Item5 });

    [Fact]
    public async Task No_chunking_releases_an_unsafe_beginning_and_all_end_in_the_verdict_of_the_whole()
    {
        // "kill" alone is unsafe, but "kill" with a blank behind it is not: some beginnings are unsafe of texts that are safe.
        static double Judge(Conversation conversation)
        {
            var text = FakeGuard.TextOf(conversation.Turns[^1]);
            return text.Contains("bomb", StringComparison.Ordinal) || text.TrimEnd().EndsWith("kill", StringComparison.OrdinalIgnoreCase) ? 0.9 : 0.1;
        }

        await Gen.Select(_texts, Gen.Int[1, 7].Array[1, 12], _windows, Gen.Bool).SampleAsync(
            async (text, cuts, window, stops) =>
            {
                var options = new GuardedChatOptions { Filters = GuardFilters.Output, Window = window, StopProbability = stops ? 0.95 : null };
                using var client = new GuardedChatClient(FakeChatClient.Saying([.. Cut(text, cuts)]), new FakeGuard(Judge), options);
                var whole = await client.GetResponseAsync("hello");
                var released = new StringBuilder();
                var blocked = false;
                await foreach (var update in client.GetStreamingResponseAsync("hello"))
                {
                    blocked |= update.FinishReason == ChatFinishReason.ContentFilter;
                    if (blocked)
                        continue;
                    released.Append(update.Text);
                    var prefix = released.ToString();
                    Assert.True(prefix.Length == 0 || !char.IsHighSurrogate(prefix[^1]));
                    Assert.Equal(0.1, Judge(new Conversation([Turn.User("hello"), Turn.Assistant(prefix)])));
                }

                Assert.Equal(whole.IsBlocked(), blocked);
                if (!blocked)
                    Assert.Equal(text, released.ToString());
                else
                    Assert.StartsWith(released.ToString(), text, StringComparison.Ordinal);
            },
            iter: 2_000);
    }

    [Fact]
    public void Positions_depend_on_the_text_alone() =>
        Gen.Select(_texts, _windows).Sample(
            (text, window) =>
            {
                var whole = Positions(text, window);
                for (var length = 0; length <= text.Length; length++)
                {
                    var part = Positions(text[..length], window);
                    Assert.Equal(whole.Take(part.Count), part);
                    // What has been reached with a margin has been found.
                    Assert.True(part.Count == whole.Count || whole[part.Count] >= length - 1);
                }
            },
            iter: 500);

    [Fact]
    public void Positions_stand_between_signs_and_within_their_windows() =>
        Gen.Select(_texts, _windows).Sample(
            (text, window) =>
            {
                var before = 0;
                foreach (var position in Positions(text, window))
                {
                    Assert.False(char.IsLowSurrogate(text[position]) && char.IsHighSurrogate(text[position - 1]));
                    var width = position - before;
                    Assert.InRange(width, before == 0 ? window.FirstCharacters : Math.Min(window.Characters, window.MaxCharacters), Math.Max(window.FirstCharacters, window.MaxCharacters) + window.Characters + 66);
                    before = position;
                }
            },
            iter: 2_000);

    [Theory]
    [InlineData("I am here. You are there.", 3, true, "I am here.")]
    [InlineData("I am here. You are there.", 3, false, "I am")]
    [InlineData("これは長い文です。つぎの文です。", 3, true, "これは長い文です。")]
    [InlineData("one two", 3, false, "one")]
    [InlineData("one ", 3, false, "one")]
    [InlineData("one", 3, false, null)]
    public void A_window_ends_with_a_word_or_a_sentence(string text, int first, bool sentences, string? expected)
    {
        var position = StreamBoundaries.Next(text, 0, new StreamWindow { FirstCharacters = first, Sentences = sentences });
        Assert.Equal(expected, position < 0 ? null : text[..position]);
    }

    [Fact]
    public async Task Plain_text_is_guarded_without_a_chat()
    {
        var stream = new StreamGuard(FakeGuard.ThatRefuses("bomb"), Conversation.OfUser("hello"), new() { Window = new() { FirstCharacters = 3, Characters = 3, Growth = 0 } });
        Assert.Equal("", await stream.AppendAsync("on"));
        Assert.Equal("one", await stream.AppendAsync("e tw"));
        Assert.Equal(" two", await stream.AppendAsync("o three"));
        Assert.Equal(" three", await stream.AppendAsync(" bo"));
        Assert.Equal("", await stream.AppendAsync("mb"));
        Assert.Equal("", await stream.CompleteAsync());
        Assert.Equal((BlockReason.Unsafe, 0.9), (stream.Block!.Reason, stream.Verdict!.UnsafeProbability));
        await Assert.ThrowsAsync<InvalidOperationException>(() => stream.AppendAsync("more").AsTask());
    }

    internal static IEnumerable<string> Cut(string text, int[] cuts)
    {
        for (int start = 0, i = 0; start < text.Length; i++)
        {
            var length = Math.Min(cuts[i % cuts.Length] * (i % 3 == 2 ? 9 : 1), text.Length - start);
            yield return text.Substring(start, length);
            start += length;
        }
    }

    private static List<int> Positions(string text, StreamWindow window)
    {
        var positions = new List<int>();
        for (var position = 0; (position = StreamBoundaries.Next(text, position, window)) >= 0;)
            positions.Add(position);
        return positions;
    }
}

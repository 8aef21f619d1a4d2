using GuardSharp.Engine;
using GuardSharp.Models;

namespace GuardSharp.Tests.Engine;

/// <summary>What is computed and what is remembered.</summary>
public class EngineCacheTests
{
    private static readonly EngineOptions _caching = new() { ConversationCacheBytes = 1 << 24, ImageCacheBytes = 1 << 24 };

    // llama-tiny: 3 layers, keys and values of 48 numbers of 4 bytes, and 64 bytes of margin a cache.
    private const int BytesPerToken = 3 * 2 * 48 * 4;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int[] Ids(int first, int count) => [.. Enumerable.Range(first, count).Select(i => 10 + (i % 240))];

    [Fact]
    public async Task The_next_turn_of_a_chat_computes_only_what_is_new()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(_caching);
        using var _ = engine;
        // Policy 20, turns of 30, instructions of 5 behind them that are no part of the next turn.
        await ReadAsync(engine, Ids(0, 20), Ids(20, 30), tail: 5);
        await ReadAsync(engine, Ids(0, 20), Ids(20, 60), tail: 5);
        await ReadAsync(engine, Ids(0, 20), Ids(20, 90), tail: 5);
        Assert.Equal([20, 35, 35, 35], network.Passes);
        // Another chat that leaves the first one after 40 tokens, and the same prompt again.
        await ReadAsync(engine, Ids(0, 20), [.. Ids(20, 40), .. Ids(5, 10)], tail: 5);
        await ReadAsync(engine, Ids(0, 20), [.. Ids(20, 40), .. Ids(5, 10)], tail: 5);
        Assert.Equal([20, 35, 35, 35, 15, 5], network.Passes);
    }

    [Fact]
    public async Task Without_a_budget_a_conversation_leaves_nothing_behind_but_its_policy()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions());
        using var _ = engine;
        await ReadAsync(engine, Ids(0, 20), Ids(20, 30));
        await ReadAsync(engine, Ids(0, 20), Ids(20, 30));
        Assert.Equal([20, 31, 31], network.Passes);
        await SettleAsync(engine, (20 * BytesPerToken) + 64);
    }

    [Fact]
    public async Task A_conversation_is_not_found_under_another_policy()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(_caching);
        using var _ = engine;
        await ReadAsync(engine, Ids(0, 20), Ids(50, 30));
        await ReadAsync(engine, Ids(1, 20), Ids(50, 30));
        await ReadAsync(engine, [], [.. Ids(0, 20), .. Ids(50, 30)]);
        Assert.Equal([20, 31, 20, 31, 51], network.Passes);
    }

    [Fact]
    public async Task The_budget_holds_to_the_byte_and_the_least_recently_used_goes_first()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { ConversationCacheBytes = 2 * ((30 * BytesPerToken) + 64) });
        using var _ = engine;
        await ReadAsync(engine, [], Ids(0, 30), tail: 10);
        await ReadAsync(engine, [], Ids(1, 30), tail: 10);
        await ReadAsync(engine, [], Ids(0, 30), tail: 10);
        Assert.Equal([40, 40, 10], network.Passes);
        // The third chat takes the place of the second, which was used before the first.
        await ReadAsync(engine, [], Ids(2, 30), tail: 10);
        await SettleAsync(engine, 2 * ((30 * BytesPerToken) + 64));
        await ReadAsync(engine, [], Ids(0, 30), tail: 10);
        await ReadAsync(engine, [], Ids(1, 30), tail: 10);
        Assert.Equal([40, 40, 10, 40, 10, 40], network.Passes);
        // One that is larger than the whole budget is not kept, and drives nothing out.
        await ReadAsync(engine, [], Ids(3, 90), tail: 10);
        await SettleAsync(engine, 2 * ((30 * BytesPerToken) + 64));
    }

    [Fact]
    public async Task What_somebody_stands_on_is_not_freed()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { ConversationCacheBytes = (60 * BytesPerToken) + 128, CachedPrefixes = 1 });
        using var _ = engine;
        await ReadAsync(engine, Ids(0, 9), Ids(20, 40));
        using var second = await engine.ReadAsync(Prompt(Ids(0, 9), Ids(20, 50), 1), Cancellation);
        var before = (await second.NextLogitsAsync([[5, 6]], [], Cancellation))[0];
        // Other policies and chats, more than fit: they may not drive out what the second chat stands on.
        for (var i = 0; i < 6; i++)
        {
            await ReadAsync(engine, Ids(30 + i, 9), Ids(40 + i, 40));
        }

        var after = (await second.NextLogitsAsync([[5, 6]], [], Cancellation))[0];
        // The second time only the last token is read anew, behind what the first question read: sums in another order, float32.
        Assert.All(before.Zip(after), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public async Task What_a_question_read_serves_the_next_and_goes_with_its_prompt()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { CachedPrefixes = 0 });
        using var _ = engine;
        var session = await engine.ReadAsync(Prompt([], Ids(20, 12), 1), Cancellation);
        network.Passes.Clear();
        await session.NextLogitsAsync([[5, 6, 7]], [], Cancellation);
        await session.NextLogitsAsync([[5, 6, 7, 8], [5, 6, 9, 10]], [], Cancellation);
        await session.NextLogitsAsync([[5, 6, 7, 8, 11]], [], Cancellation);
        Assert.Equal([3, 1 + 2, 1], network.Passes);
        session.Dispose();
        await SettleAsync(engine, 0);
    }

    [Fact]
    public async Task Conversations_and_pictures_are_forgotten_after_a_while()
    {
        using var model = EngineModel.Open("llama4-tiny");
        var (engine, _) = model.Start(_caching with { CacheIdleTime = TimeSpan.FromMilliseconds(20), CachedPrefixes = 0 });
        using var running = engine;
        await ReadAsync(engine, [], Ids(0, 30), picture: model.Picture(1), model: model);
        await SettleAsync(engine, 0);
    }

    [Theory]
    [InlineData("llama4-tiny", MaskedRows.HuggingFace)]
    [InlineData("mllama-tiny", MaskedRows.HuggingFace)]
    [InlineData("mllama-tiny", MaskedRows.Meta)]
    public async Task A_picture_is_encoded_once_and_found_by_its_content(string golden, MaskedRows maskedRows)
    {
        using var model = EngineModel.Open(golden, maskedRows);
        var (engine, network) = model.Start(_caching);
        using var _ = engine;
        await ReadAsync(engine, [], Ids(0, 9), picture: model.Picture(1), model: model);
        await ReadAsync(engine, [], Ids(5, 9), picture: model.Picture(1), model: model);
        Assert.Equal(1, network.Pictures);
        await ReadAsync(engine, [], Ids(0, 9), picture: model.Picture(2), model: model);
        Assert.Equal(2, network.Pictures);
        var rows = network.Passes.Count;
        // The same picture in the same place: only the last token is new. Another one there is another beginning.
        await ReadAsync(engine, [], Ids(0, 9), picture: model.Picture(2), model: model);
        Assert.Equal(1, network.Passes.Skip(rows).Sum());
        await ReadAsync(engine, [], Ids(0, 9), picture: model.Picture(3), model: model);
        Assert.True(network.Passes.Skip(rows).Sum() > model.IdsOf(model.Picture(3)).Length);
    }

    [Fact]
    public async Task Pictures_beyond_the_budget_are_freed_with_their_prompt()
    {
        using var model = EngineModel.Open("llama4-tiny");
        var (engine, network) = model.Start(new EngineOptions { CachedPrefixes = 0 });
        using var _ = engine;
        await ReadAsync(engine, [], Ids(0, 9), picture: model.Picture(1), model: model);
        await SettleAsync(engine, 0);
        await ReadAsync(engine, [], Ids(0, 9), picture: model.Picture(1), model: model);
        Assert.Equal(2, network.Pictures);
    }

    [Fact]
    public void Keys_of_pictures_depend_on_their_content_and_place_alone()
    {
        var keys = new PromptKeys(imageToken: 99);
        EncodedImage one = new([1, 2], 1, 1), same = new([1, 2], 1, 1), other = new([1, 3], 1, 1), turned = new([1, 2], 2, 1);
        int[] ids = [5, 99, 99, 6, 99, 99, 7];
        Assert.Equal(keys.Of(ids, [one, other], [1, 1]), keys.Of(ids, [same, other], [1, 1]));
        Assert.NotEqual(keys.Of(ids, [one, other], [1, 1]), keys.Of(ids, [other, one], [1, 1]));
        Assert.NotEqual(keys.Of(ids, [one, other], [1, 1]), keys.Of(ids, [turned, other], [1, 1]));
        Assert.Equal([5, 6, 7], keys.Of(ids, [one, other], [1, 1]).Where(key => key >= 0));
        Assert.Throws<ArgumentException>(() => keys.Of(ids, [one, other], [2, 1]));
        Assert.NotEqual(keys.OfTokensThatReadAll(ids, [one])[0], keys.OfTokensThatReadAll(ids, [other])[0]);
        Assert.NotEqual(keys.OfTokensThatReadAll([4, 99], [one])[0], keys.OfTokensThatReadAll([5, 99], [one])[0]);
    }

    private static EncodedPrompt Prompt(int[] policy, int[] conversation, int tail) =>
        new(policy, [.. conversation, .. Enumerable.Repeat(7, tail)], []) { Reusable = policy.Length + conversation.Length };

    private static async Task ReadAsync(GuardEngine engine, int[] policy, int[] ids, int tail = 1, EncodedImage? picture = null, EngineModel? model = null)
    {
        var prompt = picture is null
            ? Prompt(policy, ids, tail)
            : new EncodedPrompt(policy, [.. ids, .. model!.IdsOf(picture), .. ids], [picture]);
        using var session = await engine.ReadAsync(prompt, Cancellation);
    }

    /// <summary>The engine frees between two passes: waits until it has.</summary>
    private static async Task SettleAsync(GuardEngine engine, long bytes)
    {
        for (var i = 0; i < 500 && engine.LiveCacheBytes != bytes; i++)
        {
            await Task.Delay(10, Cancellation);
        }

        Assert.Equal(bytes, engine.LiveCacheBytes);
    }
}

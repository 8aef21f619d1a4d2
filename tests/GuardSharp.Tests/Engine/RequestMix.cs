using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

/// <summary>A prompt and a question about what follows it.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Continuations">Continuations whose next logits are asked for.</param>
/// <param name="Wanted">Tokens whose logits are wanted; empty: all.</param>
internal sealed record EngineRequest(EncodedPrompt Prompt, int[][] Continuations, int[] Wanted);

/// <summary>Random requests with much in common: a few policies, chats that grow turn by turn or begin alike, pictures that come again.</summary>
/// <param name="model">The model.</param>
/// <param name="seed">Makes the same requests again.</param>
/// <param name="pictures">Whether there are pictures.</param>
internal sealed class RequestMix(EngineModel model, int seed, bool pictures)
{
    private readonly Random _random = new(seed);
    private readonly List<Chat> _chats = [];

    /// <summary>The next request: a chat's next turn or an earlier one again, or a new chat that begins like another.</summary>
    public EngineRequest Next()
    {
        var chat = _chats.Count > 0 && _random.Next(4) > 0 ? _chats[_random.Next(_chats.Count)] : Begin();
        if (chat.Images.Count > 0 && _random.Next(3) == 0)
        {
            // The same text about another picture of the same size.
            chat = chat with { Images = [.. chat.Images.Select(image => image ^ 2)] };
        }
        else if (_random.Next(3) > 0 && chat.Ids.Count < 240)
        {
            Grow(chat);
        }

        int[] tail = [7, 8, 9, .. Text(_random.Next(1, 6))];
        // Sometimes less than the whole, as a response that was shorter when it was judged first.
        var cut = chat.Images.Count == 0 && _random.Next(4) == 0 ? _random.Next(0, chat.Ids.Count + 1) : chat.Ids.Count;
        int[] rest = [.. chat.Ids.Take(cut), .. tail];
        return new EngineRequest(
            new EncodedPrompt(chat.Policy, rest, [.. chat.Images.Select(Picture)]) { Reusable = _random.Next(5) == 0 ? int.MaxValue : chat.Policy.Length + cut },
            Continuations(),
            _random.Next(2) == 0 ? [] : [.. Text(5)]);
    }

    /// <summary>Some of them beginnings of each other.</summary>
    private int[][] Continuations()
    {
        var longest = Text(5);
        return [.. Enumerable.Range(0, _random.Next(1, 5)).Select(_ => _random.Next(2) == 0 ? longest[.._random.Next(6)] : Text(_random.Next(0, 4)))];
    }

    private Chat Begin()
    {
        // Policies begin alike, as real ones do, and may be missing.
        var policy = _random.Next(4) switch { 0 => [], var n => Enumerable.Range(20, 10 + (13 * n)).Select(i => i < 28 ? i : i + n).ToArray() };
        var chat = new Chat(policy, [], []);
        if (_chats.Count > 0 && _random.Next(2) == 0)
        {
            var other = _chats[_random.Next(_chats.Count)];
            if (other.Images.Count == 0)
            {
                chat.Ids.AddRange(other.Ids.Take(_random.Next(other.Ids.Count)));
            }
        }

        Grow(chat);
        _chats.Add(chat);
        if (_chats.Count > 8)
        {
            _chats.RemoveAt(_random.Next(_chats.Count));
        }

        return chat;
    }

    private void Grow(Chat chat)
    {
        chat.Ids.AddRange([1, .. Text(_random.Next(1, 60))]);
        if (pictures && chat.Images.Count < 2 && _random.Next(2) == 0)
        {
            var number = _random.Next(4);
            chat.Images.Add(number);
            chat.Ids.AddRange([2, .. model.IdsOf(Picture(number)), 3, .. Text(_random.Next(0, 9))]);
        }
    }

    // Four pictures; the even ones have one tile, the odd ones several.
    private EncodedImage Picture(int number) => model.Picture(number, 1 + (number % 2));

    private int[] Text(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.Next(10, EngineModel.TextIds))];

    /// <param name="Policy">Ids of its policy.</param>
    /// <param name="Ids">Ids behind it.</param>
    /// <param name="Images">Its pictures' numbers.</param>
    private sealed record Chat(int[] Policy, List<int> Ids, List<int> Images);
}

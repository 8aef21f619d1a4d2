namespace GuardSharp.Policies;

/// <summary>The answers a policy allows, as token ids: <c>safe</c>, or <c>unsafe</c>, newline, code (<c>,</c> code)*, stop.</summary>
/// <remarks>
/// Codes are compiled into one trie for the first place of the list and one for the later places, whose branches begin with the comma. A code
/// is complete only when a comma or a stop follows, so S1 and S10 never share mass however the tokenizer cuts them. Immutable once compiled.
/// </remarks>
internal sealed class AnswerGrammar
{
    private readonly Dictionary<int, int> _columns = [];

    private AnswerGrammar(string[] codes, int[] prefix, int[] safe, int[] unsafeIds, int[] newline, int[] stop)
    {
        Codes = codes;
        Prefix = prefix;
        SafeToken = safe[0];
        UnsafeToken = unsafeIds[0];
        ListHead = [.. unsafeIds, .. newline];
        StopTokens = stop;
    }

    /// <summary>The policy's codes, by rising number; lists of codes are lists of places in it.</summary>
    public IReadOnlyList<string> Codes { get; }

    /// <summary>What the model writes before the verdict.</summary>
    public IReadOnlyList<int> Prefix { get; }

    public int SafeToken { get; }

    public int UnsafeToken { get; }

    /// <summary><c>unsafe</c> and the newline: what stands between the prefix and the list.</summary>
    public IReadOnlyList<int> ListHead { get; }

    /// <summary>Every id that ends an answer.</summary>
    public IReadOnlyList<int> StopTokens { get; }

    /// <summary>Single tokens that are nothing but newlines; the check mode lets the model write them before its verdict.</summary>
    public IReadOnlyList<int> NewlineTokens { get; private init; } = [];

    /// <summary>The codes in the first place of the list.</summary>
    public CodeTrie First { get; } = new();

    /// <summary>The codes in any later place, comma included.</summary>
    public CodeTrie Later { get; } = new();

    /// <summary>Every id whose logit is ever needed; the same for all calls.</summary>
    public IReadOnlyList<int> Tokens { get; private set; } = [];

    /// <summary>The place of a token in <see cref="Tokens"/>.</summary>
    public int Column(int token) => _columns[token];

    /// <summary>Compiles the grammar of a policy for a tokenizer.</summary>
    /// <param name="policy">Its codes.</param>
    /// <param name="answerPrefix">What the model writes before the verdict, as the prompt's variant says.</param>
    /// <param name="encode">Text to ids, without special tokens.</param>
    /// <param name="stopTokens">The ids that end an answer, at least one.</param>
    /// <exception cref="GuardException">The tokenizer cuts the answers in a way that leaves them ambiguous.</exception>
    public static AnswerGrammar Compile(Policy policy, string answerPrefix, Func<string, int[]> encode, IReadOnlyCollection<int> stopTokens)
    {
        string[] codes = [.. policy.Categories.Select(c => c.Code)];
        var (safe, @unsafe) = (encode("safe"), encode("unsafe"));
        if (stopTokens.Count == 0)
            throw new GuardException("The model names no token that ends an answer. Add eos_token_id to its generation_config.json or config.json.");
        if (safe[0] == @unsafe[0])
            throw new GuardException("\"safe\" and \"unsafe\" begin with the same token, so their first logits cannot be told apart. Use the model's own tokenizer.");
        var grammar = new AnswerGrammar(
            codes, answerPrefix.Length == 0 ? [] : encode(answerPrefix), safe, @unsafe, encode("\n"), [.. stopTokens.Distinct()])
        {
            NewlineTokens = [.. SingleToken(encode("\n")), .. SingleToken(encode("\n\n"))],
        };
        for (var i = 0; i < codes.Length; i++)
        {
            grammar.First.Add(i, encode(codes[i]));
            grammar.Later.Add(i, encode("," + codes[i]));
            grammar.CheckJoins(codes[i], encode);
        }

        grammar.Seal();
        return grammar;
    }

    /// <summary>The ids of a list of codes, from the verdict's position on, without stop.</summary>
    public int[] Encode(IReadOnlyList<int> list)
    {
        List<int> ids = [.. ListHead];
        for (var i = 0; i < list.Count; i++)
            ids.AddRange((i == 0 ? First : Later).IdsOf(list[i]));
        return [.. ids];
    }

    /// <summary>The pieces must be what the tokenizer makes of the whole answer, for that is what the model learnt to write.</summary>
    private void CheckJoins(string code, Func<string, int[]> encode)
    {
        var place = First.Count - 1;
        if (!encode("unsafe\n" + code).SequenceEqual([.. ListHead, .. First.IdsOf(place)])
            || !encode(code + "," + code).SequenceEqual([.. First.IdsOf(place), .. Later.IdsOf(place)]))
        {
            throw new GuardException(
                $"The tokenizer cuts \"{code}\" in another way inside an answer than alone, so its probability cannot be read. Use the model's own tokenizer.");
        }
    }

    private static int[] SingleToken(int[] ids) => ids.Length == 1 ? ids : [];

    private void Seal()
    {
        HashSet<int> closing = [.. StopTokens, .. Later.Root.Children.Select(child => child.Token)];
        if (First.HasBranch(closing) || Later.HasBranch(closing))
            throw new GuardException("A code continues with the token that also ends a code: the answers are ambiguous. Use the model's own tokenizer.");
        var tokens = new List<int>();
        foreach (var token in (int[])[.. closing, .. First.Tokens, .. Later.Tokens, SafeToken, UnsafeToken])
        {
            if (_columns.TryAdd(token, tokens.Count))
                tokens.Add(token);
        }

        Tokens = tokens;
    }
}

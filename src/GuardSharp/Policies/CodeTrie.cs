namespace GuardSharp.Policies;

/// <summary>The token sequences of a policy's codes in one place of the answer.</summary>
internal sealed class CodeTrie
{
    private readonly List<int[]> _ids = [];

    /// <summary>A place inside or at the end of codes.</summary>
    internal sealed class Node
    {
        /// <summary>The next tokens.</summary>
        public SortedDictionary<int, Node> Children { get; } = [];

        /// <summary>The code that is complete here, or -1.</summary>
        public int Code { get; set; } = -1;

        /// <summary>Every code that ends here or below.</summary>
        public List<int> Below { get; } = [];
    }

    public Node Root { get; } = new();

    /// <summary>How many codes it holds.</summary>
    public int Count => _ids.Count;

    /// <summary>Every token of every code.</summary>
    public IEnumerable<int> Tokens => _ids.SelectMany(ids => ids);

    /// <summary>The token ids of a code.</summary>
    public IReadOnlyList<int> IdsOf(int code) => _ids[code];

    /// <summary>Adds the next code.</summary>
    public void Add(int code, int[] ids)
    {
        _ids.Add(ids);
        var node = Root;
        node.Below.Add(code);
        foreach (var id in ids)
        {
            if (!node.Children.TryGetValue(id, out var child))
                node.Children.Add(id, child = new Node());
            node = child;
            node.Below.Add(code);
        }

        node.Code = code;
    }

    /// <summary>Whether a complete code continues with one of these tokens to a longer one.</summary>
    public bool HasBranch(HashSet<int> tokens) => HasBranch(Root, tokens);

    private static bool HasBranch(Node node, HashSet<int> tokens) =>
        (node.Code >= 0 && node.Children.Keys.Any(tokens.Contains)) || node.Children.Values.Any(c => HasBranch(c, tokens));
}

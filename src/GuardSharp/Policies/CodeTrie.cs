namespace GuardSharp.Policies;

/// <summary>The token sequences of a policy's codes in one place of the answer.</summary>
internal sealed class CodeTrie
{
    private readonly List<int[]> _ids = [];

    /// <summary>A place inside or at the end of codes.</summary>
    /// <param name="token">The token that leads here.</param>
    internal sealed class Node(int token)
    {
        /// <summary>The token that leads here.</summary>
        public int Token { get; } = token;

        /// <summary>The next places, by rising token. A plain list: a sorted dictionary of its own type costs ten milliseconds of a short process.</summary>
        public List<Node> Children { get; } = [];

        /// <summary>The code that is complete here, or -1.</summary>
        public int Code { get; set; } = -1;

        /// <summary>Every code that ends here or below.</summary>
        public List<int> Below { get; } = [];

        /// <summary>The place a token leads to, or null.</summary>
        public Node? Find(int next) => Children.Find(child => child.Token == next);
    }

    public Node Root { get; } = new(-1);

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
            var child = node.Find(id);
            if (child is null)
            {
                child = new Node(id);
                node.Children.Insert(node.Children.FindIndex(other => other.Token > id) is var place && place < 0 ? node.Children.Count : place, child);
            }

            node = child;
            node.Below.Add(code);
        }

        node.Code = code;
    }

    /// <summary>Whether a complete code continues with one of these tokens to a longer one.</summary>
    public bool HasBranch(HashSet<int> tokens) => HasBranch(Root, tokens);

    private static bool HasBranch(Node node, HashSet<int> tokens) =>
        (node.Code >= 0 && node.Children.Exists(c => tokens.Contains(c.Token))) || node.Children.Exists(c => HasBranch(c, tokens));
}

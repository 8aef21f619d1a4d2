using System.Buffers.Binary;
using System.Numerics;

namespace GuardSharp.Tokenization;

/// <summary>The ordinary tokens of a vocabulary: bytes to id and id to bytes.</summary>
/// <remarks>All tokens lie in one array behind one open-addressing hash table, so that 200,000 of them load in milliseconds.</remarks>
internal sealed class TokenTable
{
    /// <summary>Ids from here on are damage, not a vocabulary: the largest known has 262,144.</summary>
    public const int MaxTokens = 1 << 20;

    private readonly byte[] _bytes;
    private readonly int[] _starts;
    private readonly int[] _lengths;
    private readonly int[] _slots; // id + 1; 0 is free
    private readonly int[] _singleByteIds = new int[256];

    private TokenTable(byte[] bytes, int[] starts, int[] lengths, int[] slots)
    {
        (_bytes, _starts, _lengths, _slots) = (bytes, starts, lengths, slots);
    }

    /// <summary>One more than the largest ordinary id.</summary>
    public int Limit => _lengths.Length;

    /// <summary>Number of ordinary tokens.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of the longest token.</summary>
    public int Longest => _lengths.Max();

    /// <summary>Whether the id is an ordinary token.</summary>
    public bool Contains(int id) => (uint)id < (uint)_lengths.Length && _lengths[id] > 0;

    /// <summary>The bytes of an ordinary token.</summary>
    public ReadOnlyMemory<byte> BytesOf(int id) => _bytes.AsMemory(_starts[id], _lengths[id]);

    /// <summary>The token of one byte. Every vocabulary has all 256.</summary>
    public int OfByte(byte value) => _singleByteIds[value];

    /// <summary>The id of the token with exactly these bytes, or -1.</summary>
    public int Find(ReadOnlySpan<byte> token)
    {
        var mask = _slots.Length - 1;
        for (var slot = (int)Hash(token) & mask; _slots[slot] != 0; slot = (slot + 1) & mask)
        {
            var id = _slots[slot] - 1;
            if (_lengths[id] == token.Length && token.SequenceEqual(_bytes.AsSpan(_starts[id], token.Length)))
            {
                return id;
            }
        }

        return -1;
    }

    private static uint Hash(ReadOnlySpan<byte> token)
    {
        const ulong multiplier = 0x9E3779B97F4A7C15; // 2^64 / golden ratio
        var hash = (ulong)token.Length * multiplier;
        for (; token.Length >= sizeof(ulong); token = token[sizeof(ulong)..])
        {
            hash = BitOperations.RotateLeft((hash ^ BinaryPrimitives.ReadUInt64LittleEndian(token)) * multiplier, 29);
        }

        var tail = 0UL;
        foreach (var value in token)
        {
            tail = tail << 8 | value;
        }

        hash = (hash ^ tail) * multiplier;
        return (uint)(hash >> 32);
    }

    /// <summary>Collects tokens in any order.</summary>
    internal sealed class Builder(string file, int capacity)
    {
        private byte[] _bytes = new byte[Math.Max(16, capacity * 8)];
        private int[] _starts = new int[Math.Max(16, capacity)];
        private int[] _lengths = new int[Math.Max(16, capacity)];
        private int _used;
        private int _limit;

        /// <summary>Adds one token.</summary>
        /// <exception cref="CheckpointException">The id is taken or out of range, or the token is empty.</exception>
        public void Add(long id, ReadOnlySpan<byte> token)
        {
            if (id is < 0 or >= MaxTokens)
            {
                throw new CheckpointException($"{file}: token id {id} is outside 0..{MaxTokens - 1}. The file is damaged.");
            }

            if (token.IsEmpty)
            {
                throw new CheckpointException($"{file}: token {id} has no bytes. The file is damaged.");
            }

            EnsureRoom((int)id, token.Length);
            if (_lengths[id] != 0)
            {
                throw new CheckpointException($"{file}: two tokens have the id {id}; each needs its own. The file is damaged.");
            }

            token.CopyTo(_bytes.AsSpan(_used));
            (_starts[id], _lengths[id]) = (_used, token.Length);
            _used += token.Length;
            _limit = Math.Max(_limit, (int)id + 1);
        }

        /// <summary>Builds the table.</summary>
        /// <exception cref="CheckpointException">Two ids share their bytes, or one of the 256 single bytes is missing.</exception>
        public TokenTable Build()
        {
            var slots = new int[(int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(512, 2 * _limit))];
            var table = new TokenTable(_bytes, _starts.AsSpan(0, _limit).ToArray(), _lengths.AsSpan(0, _limit).ToArray(), slots);
            for (var id = 0; id < _limit; id++)
            {
                if (_lengths[id] > 0)
                {
                    Insert(table, id);
                    table.Count++;
                }
            }

            for (var value = 0; value < 256; value++)
            {
                var id = table.Find([(byte)value]);
                table._singleByteIds[value] = id >= 0 ? id : throw new CheckpointException(
                    $"{file}: the byte 0x{value:X2} is no token, but a byte-level vocabulary holds all 256. Is the file complete?");
            }

            return table;
        }

        private void Insert(TokenTable table, int id)
        {
            var token = table._bytes.AsSpan(table._starts[id], table._lengths[id]);
            var mask = table._slots.Length - 1;
            var slot = (int)Hash(token) & mask;
            for (; table._slots[slot] != 0; slot = (slot + 1) & mask)
            {
                var other = table._slots[slot] - 1;
                if (token.SequenceEqual(table.BytesOf(other).Span))
                {
                    throw new CheckpointException($"{file}: tokens {other} and {id} have the same bytes. The file is damaged.");
                }
            }

            table._slots[slot] = id + 1;
        }

        private void EnsureRoom(int id, int length)
        {
            if (_used + length > _bytes.Length)
            {
                Array.Resize(ref _bytes, Math.Max(_used + length, _bytes.Length * 2));
            }

            if (id >= _lengths.Length)
            {
                var size = (int)BitOperations.RoundUpToPowerOf2((uint)id + 1);
                Array.Resize(ref _starts, size);
                Array.Resize(ref _lengths, size);
            }
        }
    }
}

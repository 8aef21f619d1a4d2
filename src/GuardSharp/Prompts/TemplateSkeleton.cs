using System.Text;

namespace GuardSharp.Prompts;

/// <summary>The literal text a Jinja chat template prints, in the order of its source; everything computed is one NUL character.</summary>
/// <remarks>
/// Jinja is not run: loops print once, both branches of a condition print. Whitespace is treated as chat templates are rendered
/// (trim_blocks, lstrip_blocks and the dashes of tags).
/// </remarks>
internal static class TemplateSkeleton
{
    private const char Gap = '\0';

    public static string Of(string template)
    {
        var skeleton = new StringBuilder();
        var position = 0;
        while (position < template.Length)
        {
            var open = NextTag(template, position);
            if (open < 0)
                return skeleton.Append(template, position, template.Length - position).ToString();
            var kind = template[open + 1];
            AppendRaw(skeleton, template[position..open], kind, open + 2 < template.Length && template[open + 2] == '-');
            var close = FindClose(template, open + 2, kind == '{' ? "}}" : kind == '%' ? "%}" : "#}");
            var body = template[(open + 2)..close];
            if (kind == '{')
                AppendLiterals(skeleton, body);
            skeleton.Append(Gap);
            position = Math.Min(template.Length, close + 2);
            if (body.EndsWith('-'))
            {
                while (position < template.Length && char.IsWhiteSpace(template[position]))
                    position++;
            }
            else if (kind != '{' && position < template.Length && template[position] == '\n')
            {
                position++;
            }
        }

        return skeleton.ToString();
    }

    private static int NextTag(string template, int from)
    {
        for (var i = template.IndexOf('{', from); i >= 0 && i + 1 < template.Length; i = template.IndexOf('{', i + 1))
        {
            if (template[i + 1] is '{' or '%' or '#')
                return i;
        }

        return -1;
    }

    private static void AppendRaw(StringBuilder skeleton, string raw, char kind, bool dash)
    {
        if (dash)
            raw = raw.TrimEnd();
        else if (kind != '{' && raw.TrimEnd(' ', '\t') is var cut && (cut.Length == 0 || cut[^1] == '\n'))
            raw = cut;
        skeleton.Append(raw);
    }

    /// <summary>The end of a tag; a close mark inside a string literal does not count.</summary>
    private static int FindClose(string template, int from, string mark)
    {
        var quote = '\0';
        for (var i = from; i < template.Length; i++)
        {
            var c = template[i];
            if (quote != '\0')
            {
                if (c == '\\')
                    i++;
                else if (c == quote)
                    quote = '\0';
            }
            else if (mark != "#}" && c is '\'' or '"')
            {
                quote = c;
            }
            else if (string.CompareOrdinal(template, i, mark, 0, 2) == 0)
            {
                return i;
            }
        }

        return template.Length;
    }

    private static void AppendLiterals(StringBuilder skeleton, string body)
    {
        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] is not ('\'' or '"'))
            {
                // Operators and blanks print nothing; a name or a call is something computed.
                if (char.IsAsciiLetterOrDigit(body[i]) && (skeleton.Length == 0 || skeleton[^1] != Gap))
                    skeleton.Append(Gap);
                continue;
            }

            var quote = body[i++];
            for (; i < body.Length && body[i] != quote; i++)
                skeleton.Append(body[i] == '\\' && i + 1 < body.Length ? Unescape(body[++i]) : body[i].ToString());
        }
    }

    private static string Unescape(char c) => c switch
    {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        '\\' or '\'' or '"' => c.ToString(),
        _ => "\\" + c,
    };
}
